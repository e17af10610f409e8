"""Register every experiment as a partition: `python -m pipelines.register`."""

import dagster as dg

from pipelines.partitions import register


def main() -> None:
    """Register in the instance that `$DAGSTER_HOME` describes."""
    with dg.DagsterInstance.get() as instance:
        for name in register(instance):
            print(f"registered experiment {name}")


if __name__ == "__main__":
    main()
