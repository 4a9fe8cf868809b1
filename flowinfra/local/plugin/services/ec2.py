"""aws:ec2: SecurityGroup, getVpc and getSubnets: as much of a network as a compute environment asks for.

After terraform-provider-aws `internal/service/ec2/vpc_security_group.go`, `vpc_data_source.go` and
`vpc_subnets_data_source.go`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.resource import Created, Resource, State, pairs, tag_changes, unpair
from flowinfra.plugin.checks import length, matches
from flowinfra.plugin.schema import Schema, block, flag, listing, same, text, whole

_RULES = listing(
    block(
        {
            "cidrBlocks": listing(text(), unordered=True),
            "description": text(length(0, 255)),
            "fromPort": whole(required=True),
            "ipv6CidrBlocks": listing(text(), unordered=True),
            "prefixListIds": listing(text(), unordered=True),
            "protocol": text(required=True),
            "securityGroups": listing(text(), unordered=True),
            "self": flag(),
            "toPort": whole(required=True),
        }
    ),
    computed=True,
    unordered=True,
)
_NAME = matches(r"^(?!sg-)", "cannot begin with sg-")
_GONE = ("InvalidGroup.NotFound", "InvalidGroupId.Malformed", "InvalidSecurityGroupID.NotFound")


class SecurityGroup(Resource):
    """A firewall around jobs."""

    token = "aws:ec2/securityGroup:SecurityGroup"  # noqa: S105
    schema = Schema(
        "Security Group",
        {
            "description": text(length(1, 255), default="Managed by Pulumi", replaces=True),
            "egress": _RULES,
            "ingress": _RULES,
            "name": text(length(0, 255), _NAME, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(0, 229), _NAME, computed=True, replaces=True, unread=True),
            "revokeRulesOnDelete": flag(default=False, unread=True),
            "vpcId": text(computed=True, replaces=True),
        },
        ("arn", "ownerId"),
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateSecurityGroup, then its rules; upstream takes AWS's open egress rule away."""
        client = aws.client("ec2")
        name = new.get("name") or unique(new["namePrefix"])
        vpc = new.get("vpcId") or default_vpc(aws)
        arguments: dict[str, Any] = {"GroupName": name, "Description": new["description"], "VpcId": vpc}
        if new["tagsAll"]:
            arguments["TagSpecifications"] = [{"ResourceType": "security-group", "Tags": pairs(new["tagsAll"])}]
        with explained(f"creating Security Group ({name})"):
            identifier = client.create_security_group(**arguments)["GroupId"]
        outputs = {
            "arn": aws.arn("ec2", f"security-group/{identifier}"),
            "name": name,
            "ownerId": aws.account,
            "vpcId": vpc,
        }
        try:
            with explained(f"setting the rules of Security Group ({identifier})"):
                default: list[State] = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]
                for direction in ("ingress", "egress"):
                    there = default if direction == "egress" else []
                    self._set_rules(client, identifier, direction, there, new.get(direction) or [])
        except CloudError as error:
            raise PartialError(str(error), identifier, outputs) from error
        return Created(identifier, outputs)

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeSecurityGroups."""
        try:
            with explained(f"reading Security Group ({identifier})"):
                groups = aws.client("ec2").describe_security_groups(GroupIds=[identifier])["SecurityGroups"]
        except CloudError as error:
            if error.means_absent(*_GONE):
                return None
            raise
        if not groups:
            return None
        group = groups[0]
        return {
            "arn": aws.arn("ec2", f"security-group/{identifier}"),
            "description": group["Description"],
            "egress": [_found(rule, identifier) for rule in group["IpPermissionsEgress"]],
            "ingress": [_found(rule, identifier) for rule in group["IpPermissions"]],
            "name": group["GroupName"],
            "ownerId": group["OwnerId"],
            "tagsAll": unpair(group.get("Tags", [])),
            "vpcId": group["VpcId"],
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """Rules and tags."""
        client = aws.client("ec2")
        with explained(f"updating Security Group ({identifier})"):
            for direction in ("ingress", "egress"):
                if direction in changed:
                    self._set_rules(client, identifier, direction, old.get(direction) or [], new.get(direction) or [])
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.delete_tags(Resources=[identifier], Tags=[{"Key": key} for key in to_remove])
            if to_set:
                client.create_tags(Resources=[identifier], Tags=pairs(to_set))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteSecurityGroup."""
        try:
            with explained(f"deleting Security Group ({identifier})"):
                aws.client("ec2").delete_security_group(GroupId=identifier)
        except CloudError as error:
            if not error.means_absent(*_GONE):
                raise

    @staticmethod
    def _set_rules(client: Any, identifier: str, direction: str, old: list[State], new: list[State]) -> None:
        rule = _RULES.item
        if rule is None:
            return
        gone = [item for item in old if not any(same(rule, item, other) for other in new)]
        added = [item for item in new if not any(same(rule, other, item) for other in old)]
        if gone:
            revoke = getattr(client, f"revoke_security_group_{direction}")
            revoke(GroupId=identifier, IpPermissions=[_permission(item, identifier) for item in gone])
        if added:
            authorize = getattr(client, f"authorize_security_group_{direction}")
            authorize(GroupId=identifier, IpPermissions=[_permission(item, identifier) for item in added])


def _permission(rule: State, group: str) -> dict[str, Any]:
    described = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*(rule.get("securityGroups") or []), *([group] if rule.get("self") else [])]
    permission: dict[str, Any] = {
        "IpProtocol": rule["protocol"],
        "IpRanges": [{"CidrIp": cidr, **described} for cidr in rule.get("cidrBlocks") or []],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **described} for cidr in rule.get("ipv6CidrBlocks") or []],
        "PrefixListIds": [{"PrefixListId": item, **described} for item in rule.get("prefixListIds") or []],
        "UserIdGroupPairs": [{"GroupId": item, **described} for item in groups],
    }
    if rule["protocol"] != "-1":
        permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    return permission


def _found(permission: Mapping[str, Any], group: str) -> dict[str, Any]:
    groups = [item["GroupId"] for item in permission.get("UserIdGroupPairs", [])]
    ranges = [*permission.get("IpRanges", []), *permission.get("Ipv6Ranges", [])]
    return {
        "cidrBlocks": [item["CidrIp"] for item in permission.get("IpRanges", [])],
        "description": next((item["Description"] for item in ranges if item.get("Description")), ""),
        "fromPort": permission.get("FromPort", 0),
        "ipv6CidrBlocks": [item["CidrIpv6"] for item in permission.get("Ipv6Ranges", [])],
        "prefixListIds": [item["PrefixListId"] for item in permission.get("PrefixListIds", [])],
        "protocol": permission["IpProtocol"],
        "securityGroups": [item for item in groups if item != group],
        "self": group in groups,
        "toPort": permission.get("ToPort", 0),
    }


def default_vpc(aws: Scope) -> str:
    """The id of the account's default VPC."""
    return str(get_vpc(aws, {"default": True})["id"])


def get_vpc(aws: Scope, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The one VPC that fits."""
    filters = _filters(arguments)
    for name, key in (("cidrBlock", "cidr"), ("dhcpOptionsId", "dhcp-options-id"), ("state", "state")):
        if arguments.get(name):
            filters.append({"Name": key, "Values": [arguments[name]]})
    if arguments.get("default"):
        filters.append({"Name": "isDefault", "Values": ["true"]})
    chosen = {"VpcIds": [arguments["id"]]} if arguments.get("id") else {}
    with explained("reading EC2 VPC"):
        found = aws.client("ec2").describe_vpcs(Filters=filters, **chosen)["Vpcs"]
    if not found:
        raise CloudError("no matching EC2 VPC found")
    if len(found) > 1:
        raise CloudError("multiple EC2 VPCs matched; use additional constraints to reduce matches to a single EC2 VPC")
    vpc = found[0]
    return {
        "arn": aws.arn("ec2", f"vpc/{vpc['VpcId']}"),
        "cidrBlock": vpc["CidrBlock"],
        "cidrBlockAssociations": [],
        "default": bool(vpc.get("IsDefault")),
        "dhcpOptionsId": vpc.get("DhcpOptionsId", ""),
        "enableDnsHostnames": False,
        "enableDnsSupport": True,
        "enableNetworkAddressUsageMetrics": False,
        "id": vpc["VpcId"],
        "instanceTenancy": vpc.get("InstanceTenancy", "default"),
        "ipv6AssociationId": "",
        "ipv6CidrBlock": "",
        "ipv6CidrBlockAssociations": [],
        "mainRouteTableId": "",
        "ownerId": vpc.get("OwnerId", ""),
        "region": aws.region,
        "state": vpc.get("State", ""),
        "tags": unpair(vpc.get("Tags", [])),
    }


def get_subnets(aws: Scope, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of all subnets that fit."""
    with explained("reading EC2 Subnets"):
        pages = aws.client("ec2").get_paginator("describe_subnets").paginate(Filters=_filters(arguments))
        ids = [subnet["SubnetId"] for page in pages for subnet in page["Subnets"]]
    return {
        "filters": arguments.get("filters"),
        "id": aws.region,
        "ids": ids,
        "region": aws.region,
        "tags": arguments.get("tags") or {},
    }


def _filters(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    filters = [{"Name": item["name"], "Values": item["values"]} for item in arguments.get("filters") or []]
    tags = arguments.get("tags") or {}
    return [*filters, *({"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items())]
