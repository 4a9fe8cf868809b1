"""boto3 clients by the provider's configuration: profile, keys, roles to assume, endpoints, proxies.

boto3 is imported with the first call: a preview that finds nothing to do never needs it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowinfra.aws_plugin.settings import Settings, seconds

_ROLE_FIELDS = {
    "externalId": "ExternalId",
    "policy": "Policy",
    "sessionName": "RoleSessionName",
    "sourceIdentity": "SourceIdentity",
    "transitiveTagKeys": "TransitiveTagKeys",
}
_PROXIES = {
    "httpProxy": ("HTTP_PROXY", "http_proxy"),
    "httpsProxy": ("HTTPS_PROXY", "https_proxy"),
    "noProxy": ("NO_PROXY", "no_proxy"),
}


class AwsError(Exception):
    """AWS refuses, or cannot be asked; the message is for the user."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """AWS's own; empty where it was not AWS that refused."""


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what boto3 raises into `doing …: AWS's code: AWS's message`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        raise AwsError(f"{doing}: {code}: {detail.get('Message')}", code) from error
    except BotoCoreError as error:
        raise AwsError(f"{doing}: {error}") from error


class Clients:
    """Clients of one configuration, made once each. Safe for many threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def region(self) -> str:
        """Where new resources go."""
        if self.settings.region:
            return self.settings.region
        with self._lock:
            region = self._opened().get_config_variable("region")
        if not region:
            raise AwsError("the region is missing. Set it: pulumi config set aws:region us-east-1")
        return str(region)

    def stepfunctions(self, region: str) -> Any:
        """Step Functions in a region."""
        return self.client("stepfunctions", region)

    def client(self, service: str, region: str) -> Any:
        """A service in a region."""
        place = service, region
        with self._lock:
            if place not in self._clients:
                with explained("reading the AWS configuration"):
                    session = self._opened()
                    self._refuse_wrong_account(session, region)
                    self._clients[place] = self._client(session, service, region)
            return self._clients[place]

    def _opened(self) -> Any:
        """The session of botocore with which all is done."""
        if self._session is None:
            with explained("reading the AWS configuration"):
                self._session = self._open()
        return self._session

    def _open(self) -> Any:
        import botocore.session

        values = self.settings.values
        for key, variables in _PROXIES.items():
            if values.get(key):  # botocore minds `noProxy` only where proxies come from the environment
                os.environ.update(dict.fromkeys(variables, str(values[key])))
        session = botocore.session.Session(profile=values.get("profile"))
        for key, variable in (("sharedConfigFiles", "config_file"), ("sharedCredentialsFiles", "credentials_file")):
            if files := values.get(key):
                session.set_config_variable(variable, str(Path(files[0]).expanduser()))
        if endpoint := values.get("ec2MetadataServiceEndpoint"):
            session.set_config_variable("ec2_metadata_service_endpoint", endpoint)
        if values.get("accessKey") and values.get("secretKey"):
            session.set_credentials(values["accessKey"], values["secretKey"], values.get("token"))
        if identity := values.get("assumeRoleWithWebIdentity"):
            session = self._with_web_identity(session, identity)
        for role in values.get("assumeRoles") or ():
            session = self._with_role(session, role)
        return session

    def _with_role(self, session: Any, role: Mapping[str, Any]) -> Any:
        """A session in a role; its keys are renewed when they end."""
        from botocore.credentials import AssumeRoleCredentialFetcher

        extra: dict[str, Any] = {"RoleSessionName": "flowinfra", **_role_arguments(role)}
        if tags := role.get("tags"):
            extra["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._sts_creator(session),
            source_credentials=session.get_credentials(),
            role_arn=role["roleArn"],
            extra_args=extra,
        )
        return _renewed(session, "assume-role", fetcher)

    def _with_web_identity(self, session: Any, identity: Mapping[str, Any]) -> Any:
        from botocore.credentials import AssumeRoleWithWebIdentityCredentialFetcher

        def token() -> str:
            if given := identity.get("webIdentityToken"):
                return str(given)
            return Path(identity.get("webIdentityTokenFile") or os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text()

        if not identity.get("webIdentityToken") and not identity.get("webIdentityTokenFile"):
            raise AwsError("assumeRoleWithWebIdentity needs webIdentityToken or webIdentityTokenFile")
        fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
            client_creator=self._sts_creator(session),
            web_identity_token_loader=token,
            role_arn=identity["roleArn"],
            extra_args={"RoleSessionName": "flowinfra", **_role_arguments(identity)},
        )
        return _renewed(session, "assume-role-with-web-identity", fetcher)

    def _sts_creator(self, session: Any) -> Any:
        def create(service: str, **options: Any) -> Any:
            region = self.settings.values.get("stsRegion") or self.settings.region
            return self._client(session, service, region, **options)

        return create

    def _client(self, session: Any, service: str, region: str | None, **options: Any) -> Any:
        from botocore.config import Config

        values = self.settings.values
        config = Config(
            retries={"mode": values.get("retryMode") or "standard", "total_max_attempts": _attempts(values)},
            max_pool_connections=32,
            use_fips_endpoint=_true(values.get("useFipsEndpoint")) or None,
            use_dualstack_endpoint=_true(values.get("useDualstackEndpoint")) or None,
        )
        if _true(values.get("insecure")):
            verify: bool | str | None = False
        else:
            verify = values.get("customCaBundle")
        given = {**options.pop("config_options", {}), **options, "config": config}
        return session.create_client(
            service, region_name=region, endpoint_url=self.settings.endpoint(service), verify=verify, **given
        )

    def _refuse_wrong_account(self, session: Any, region: str) -> None:
        allowed = [str(account) for account in self.settings.values.get("allowedAccountIds") or ()]
        forbidden = [str(account) for account in self.settings.values.get("forbiddenAccountIds") or ()]
        if not allowed and not forbidden:
            return
        account = self._client(session, "sts", region).get_caller_identity()["Account"]
        if (allowed and account not in allowed) or account in forbidden:
            raise AwsError(f"AWS account ID not allowed: {account}")


def _role_arguments(role: Mapping[str, Any]) -> dict[str, Any]:
    found = {_ROLE_FIELDS[key]: value for key, value in role.items() if key in _ROLE_FIELDS and value}
    if duration := role.get("duration"):
        found["DurationSeconds"] = seconds(duration)
    if arns := role.get("policyArns"):
        found["PolicyArns"] = [{"arn": arn} for arn in arns]
    return found


def _renewed(session: Any, method: str, fetcher: Any) -> Any:
    from botocore.credentials import DeferredRefreshableCredentials

    session._credentials = DeferredRefreshableCredentials(method=method, refresh_using=fetcher.fetch_credentials)
    return session


def _attempts(values: Mapping[str, Any]) -> int:
    """Tries of a call: Pulumi's `maxRetries` counts them, 25 where it is not set."""
    return max(1, int(values.get("maxRetries") or 25))


def _true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")
