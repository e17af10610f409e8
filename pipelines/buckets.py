"""Make the buckets of a team's instance that are not there yet: `python -m pipelines.buckets`.

One for versions, of `$MLPO_ROOT`, and one for the logs of steps, `$MLPO_LOGS_BUCKET`.
"""

import os
import sys
from urllib.parse import urlsplit

from mlpo_core.errors import missing_extra


def main() -> int:
    """Make them, and say which."""
    try:
        import boto3
    except ImportError as error:
        raise missing_extra("boto3", "team") from error

    root, logs = os.environ.get("MLPO_ROOT", ""), os.environ.get("MLPO_LOGS_BUCKET", "")
    if urlsplit(root).scheme != "s3" or not logs:
        print(f"error: MLPO_ROOT is {root!r}, MLPO_LOGS_BUCKET {logs!r}: set s3://BUCKET/, and BUCKET", file=sys.stderr)
        return 2
    client = boto3.client("s3")
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for name in dict.fromkeys((urlsplit(root).netloc, logs)):
        if name not in there:
            client.create_bucket(Bucket=name)
            print(f"made bucket {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
