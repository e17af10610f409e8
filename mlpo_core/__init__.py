"""MLPO: train one leader to read the answers of a frozen team of LLMs and write a better one."""
