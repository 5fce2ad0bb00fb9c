"""A broker that knows its users and believes only rights that were given: for tests of the plan of rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from toolgate.streams.local import ports
from toolgate.streams.local.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from toolgate.streams.acl_plan import Grant

PASSWORD = "secret"
_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}


class GuardedBroker(Broker):
    """Besides its usual listener, where everybody may do everything, one that asks for names and rights."""

    def __init__(self, directory: Path, users: Iterable[str]) -> None:
        super().__init__(directory, lambda _: None)
        self._users = tuple(users)
        self._guarded_port = ports.free_port()

    @property
    def guarded(self) -> str:
        """host:port of the listener with rights."""
        return f"127.0.0.1:{self._guarded_port}"

    def connection(self, user: str) -> dict[str, str]:
        """The client properties of a user."""
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": PASSWORD,
        }

    def give(self, grants: Iterable[Grant]) -> None:
        """Make rights of a plan, for users that are called like their roles."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        bindings = [
            AclBinding(
                ResourceType[grant.resource.replace("-", "_").upper()],
                grant.name,
                ResourcePatternType[grant.pattern.upper()],
                f"User:{grant.role}",
                "*",
                _OPERATIONS[operation],
                AclPermissionType.ALLOW,
            )
            for grant in grants
            for operation in grant.operations
        ]
        made: dict[Any, Any] = admin.create_acls(bindings, request_timeout=20)
        for future in made.values():
            future.result(timeout=20)

    def _configure(self) -> Path:
        config = super()._configure()
        known = " ".join(f'user_{user}="{PASSWORD}"' for user in self._users)
        login = "org.apache.kafka.common.security.plain.PlainLoginModule"
        lines = [self._with_listener(line) for line in config.read_text(encoding="utf-8").splitlines()]
        lines += [
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS",
            "sasl.enabled.mechanisms=PLAIN",
            f"listener.name.guarded.plain.sasl.jaas.config={login} required {known};",
        ]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return config

    def _with_listener(self, line: str) -> str:
        name = line.partition("=")[0]
        if name in {"listeners", "advertised.listeners"}:
            return f"{line},GUARDED://{self.guarded}"
        return f"{line},GUARDED:SASL_PLAINTEXT" if name == "listener.security.protocol.map" else line
