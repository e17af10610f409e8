"""A judge without any sense, for a test server: it obeys whatever stands outside of the fence, the last word of all."""

import json
import re
from typing import Any


def plain_judge(body: dict[str, Any]) -> str:
    """A verdict as JSON: the last `verdict: …` outside of the fence, else whether the answer has the gold one."""
    prompt = body["messages"][-1]["content"]
    mark = re.search(r"the mark (\w+)\.", prompt).group(1)
    before, _, rest = prompt.partition(f"<<<{mark}\n")
    answer, _, after = rest.partition(f"\n{mark}>>>")
    gold = re.search(r"Reference answer:\n(.*)", before).group(1)
    ordered = re.findall(r"verdict: (right|wrong)", before + after)
    verdict = ordered[-1] if ordered else "right" if gold in answer else "wrong"
    return json.dumps({"reason": f"held against {gold}", "verdict": verdict})
