"""Prints the operations of every AWS service, as its SDK knows them: a line for each service, its names, a colon, its
operations. Run by scripts/moto, whose packages hold the models of the SDK."""

import gzip
import json
import pathlib

import botocore

for folder in sorted((pathlib.Path(botocore.__file__).parent / "data").iterdir()):
    models = sorted(folder.glob("*/service-2.json.gz"))
    if models:
        model = json.loads(gzip.decompress(models[-1].read_bytes()))
        about = model["metadata"]
        names = {folder.name, about["endpointPrefix"], about.get("signingName", folder.name)}
        print(*sorted(names), ":", *sorted(model["operations"]))
