"""Prints what is in deploy/ as JSON: the CloudFormation templates, each by its name, with functions in their long form,
and the files of the Terraform modules, each by its path. What is no template or no HCL ends it.
"""

import json
import pathlib
import sys

import hcl2
from cfnlint.decode import decode
from hcl2.utils import SerializationOptions

OPTIONS = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)


def template(path):
    parsed, faults = decode(str(path))
    if faults:
        sys.exit(f"{path}: {faults}")
    return parsed


def hcl(path):
    try:
        return hcl2.loads(path.read_text(), serialization_options=OPTIONS)
    except Exception as fault:
        sys.exit(f"{path}: {fault}")


deploy = pathlib.Path(sys.argv[1])
terraform = deploy / "terraform"
print(json.dumps({
    "templates": {path.stem: template(path) for path in (deploy / "cloudformation").glob("*.yaml")},
    "terraform": {str(path.relative_to(terraform)): hcl(path) for path in terraform.rglob("*.tf")},
}))
