"""What moto's CloudFormation lacks of the templates in deploy/: policies of queues, buckets, buses and roles, trails, and
most of what a bucket has. Each goes to the service that owns it. Alarms are left out.
"""

import json

from moto.cloudformation import parsing
from moto.cloudtrail.models import cloudtrail_backends
from moto.core.common_models import CloudFormationModel
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.sqs.models import sqs_backends


def resource(kind):
    """Makes a resource of a function of its properties, account and region, which returns what refers to it."""

    def model(make):
        def create(cls, _name, template, account, region, **_):
            made = cls()
            made.physical_resource_id = make(template["Properties"], account, region)
            return made

        return type(make.__name__, (CloudFormationModel,), {
            "cloudformation_type": staticmethod(lambda: kind),
            "cloudformation_name_type": staticmethod(lambda: ""),
            "create_from_cloudformation_json": classmethod(create),
        })

    return model


@resource("AWS::SQS::QueuePolicy")
def queue_policy(properties, account, region):
    for queue in properties["Queues"]:
        policy = json.dumps(properties["PolicyDocument"])
        sqs_backends[account][region].set_queue_attributes(queue.split("/")[-1], {"Policy": policy})
    return "policy"


@resource("AWS::S3::BucketPolicy")
def bucket_policy(properties, account, region):
    policy = json.dumps(properties["PolicyDocument"])
    s3_backends[account]["aws"].put_bucket_policy(properties["Bucket"], policy.encode())
    return properties["Bucket"]


@resource("AWS::Events::EventBusPolicy")
def bus_policy(properties, account, region):
    statement = {"Sid": properties["StatementId"], **properties["Statement"]}
    bus = events_backends[account][region].describe_event_bus(properties["EventBusName"])
    bus.add_policy({"Statement": [statement]})
    return statement["Sid"]


@resource("AWS::IAM::RolePolicy")
def role_policy(properties, account, region):
    policy = json.dumps(properties["PolicyDocument"])
    iam_backends[account]["aws"].put_role_policy(properties["RoleName"], properties["PolicyName"], policy)
    return properties["PolicyName"]


@resource("AWS::CloudTrail::Trail")
def trail(properties, account, region):
    backend = cloudtrail_backends[account][region]
    backend.create_trail(
        properties["TrailName"], properties["S3BucketName"], None, None, properties["IncludeGlobalServiceEvents"],
        properties["IsMultiRegionTrail"], properties["EnableLogFileValidation"], properties["IsOrganizationTrail"],
        None, None, properties.get("KMSKeyId"), [],
    )
    if properties["IsLogging"]:
        backend.start_logging(properties["TrailName"])
    return properties["TrailName"]


def bucket(cls, name, template, account, region, create=FakeBucket.create_from_cloudformation_json.__func__, **more):
    made = create(cls, name, template, account, region, **more)
    properties = template["Properties"]
    backend = s3_backends[account]["aws"]
    if block := properties.get("PublicAccessBlockConfiguration"):
        backend.put_public_access_block(name, block)
    if versioning := properties.get("VersioningConfiguration"):
        backend.put_bucket_versioning(name, versioning["Status"])
    if notification := properties.get("NotificationConfiguration"):
        queues = [
            {
                "Queue": to["Queue"],
                "Event": [to["Event"]],
                "Filter": {"S3Key": {"FilterRule": to["Filter"]["S3Key"]["Rules"]}},
            }
            for to in notification["QueueConfigurations"]
        ]
        backend.put_bucket_notification_configuration(name, {"QueueConfiguration": queues})
    return made


def clean_json(node, resources, clean=parsing.clean_json):
    """What is AWS::NoValue is not there."""
    cleaned = clean(node, resources)
    if isinstance(cleaned, dict):
        return {name: value for name, value in cleaned.items() if value is not None}
    return [value for value in cleaned if value is not None] if isinstance(cleaned, list) else cleaned


parsing.clean_json = clean_json
FakeBucket.create_from_cloudformation_json = classmethod(bucket)
