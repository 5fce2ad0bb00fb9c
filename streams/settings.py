"""The settings of a process, and the one place where names and Kafka client properties are made from them.

Precedence: arguments, then environment (`TOOLGATE_...`), then a TOML file, then the defaults below.
"""

from __future__ import annotations

import tomllib
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation at run time
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from toolgate.schemas.bundle import OUTPUT_BYTES_MAX
from toolgate.streams.errors import SettingsError
from toolgate.streams.topics import INPUT_BYTES_MAX

# A largest value with its key and headers; below the 1 MiB that the topic takes, so that the batch around it fits.
OUTPUT_RECORD_BYTES_MAX = OUTPUT_BYTES_MAX + 10_000
# librdkafka does not split a batch that the broker finds too large: with its default of 1 MB nearly every
# record of a busy agent is refused by a topic that takes 128 KiB.
INPUT_BATCH_BYTES_MAX = 120_000
CLIENT_PROPERTIES = (
    "security.",
    "sasl.",
    "ssl.",
    "enable.ssl.",
    "https.ca.",
    "client.rack",
    "broker.address.",
)
_OPTIONS = {
    "bootstrap_servers": "--bootstrap-servers",
    "policies_dir": "--policies",
    "keys_file": "--keys",
}
_VALIDATOR = "Value error, "  # pydantic puts it before what a validator says
_SET_IT = (
    "set the variable or option named, or give --config FILE; `toolgate dev` starts a Kafka and a Redis here and "
    "leaves .toolgate/dev/env to be sourced"
)
_OTHER_SLOT = "give a --slot that exists; TOOLGATE_PARTITIONS must be what the topics of the prefix have"
_CORRECT_IT = "correct the setting named"


class Settings(BaseSettings):
    """Everything a toolgate process can be told from outside. Use `load` to make one.

    `kafka` holds connection properties of librdkafka (TLS, SASL, rack); nothing that bears a promise, such as
    isolation or idempotence, can be set through it.
    """

    model_config = SettingsConfigDict(
        env_prefix="TOOLGATE_", frozen=True, extra="forbid", validate_default=True
    )

    bootstrap_servers: str = Field(min_length=1, description="Kafka addresses, host:port, comma-separated")
    redis_url: str | None = Field(
        default=None,
        pattern=r"^(rediss?|unix)://",
        repr=False,
        description="the ledger's Redis; only the gate has one",
    )
    prefix: str = Field(
        default="toolgate",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="topic prefix: one ledger and one trust zone",
    )
    partitions: int = Field(
        default=8, ge=1, le=1024, description="of every co-partitioned topic; fixed for the life of a prefix"
    )
    replication_factor: int = Field(
        default=-1, ge=-1, le=32_767, description="of new topics; -1: the cluster's default"
    )
    min_insync_replicas: int | None = Field(
        default=None, ge=1, description="of new topics; none: the cluster's default"
    )
    slot: int = Field(default=0, ge=0, description="which worker this is: 0 to partitions - 1")
    # at most 5,000: a pulse may name as many tools, with 128 characters each, and must fit its topic
    batch_size: int = Field(
        default=1000, ge=1, le=5_000, description="records in one decision and transaction"
    )
    clock_lead_ms_max: int = Field(
        default=300_000, ge=1000, description="a broker time further ahead of ours stops the partition"
    )
    session_timeout_ms: int = Field(
        default=6000, ge=1000, le=300_000, description="of the gate's group members"
    )
    redis_timeout_s: float = Field(default=1.0, gt=0, le=60, description="of one ledger call")
    keys_file: Path | None = Field(default=None, description="who may write what: kids, secrets, public keys")
    policies_dir: Path | None = Field(
        default=None, description="tools.yaml and the policy files that are in force until a set is activated"
    )
    insecure_dev: bool = Field(default=False, description="accept unsigned records; never in production")
    schema_registry_url: str | None = Field(default=None, description="none: the bundled schema ids")
    metrics_host: str = Field(default="127.0.0.1", description="where metrics and health listen")
    metrics_port: int = Field(default=9464, ge=0, le=65_535, description="0: a free one, printed at start")
    minute_micros: int = Field(
        default=1_000_000,
        ge=0,
        description="what a minute of a person's time costs, in millionths of a US dollar",
    )
    word_minutes: int = Field(default=3, ge=0, le=1440, description="minutes that a vote takes a person")
    remedy_minutes: int = Field(
        default=30,
        ge=0,
        le=10_080,
        description="minutes that it takes a person to put a failed command right",
    )
    review_seed: SecretStr | None = Field(
        default=None,
        max_length=64,
        description="by which completed work is drawn for review; keep it from agents",
    )
    kafka: dict[str, SecretStr] = Field(default_factory=dict, description="librdkafka connection properties")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names the parameters
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("kafka")
    @classmethod
    def _connection_only(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in value:
            if not name.startswith(CLIENT_PROPERTIES):
                raise ValueError(
                    f"{name!r} cannot be set: only {', '.join(p + '*' for p in CLIENT_PROPERTIES)}"
                )
        return value

    @model_validator(mode="after")
    def _slot_exists(self) -> Self:
        if self.slot >= self.partitions:
            raise ValueError(f"slot {self.slot} does not exist: the last one is {self.partitions - 1}")
        return self

    @property
    def ledger_url(self) -> str:
        """The ledger's Redis. Raises SettingsError when the process was not told one."""
        if self.redis_url is None:
            raise SettingsError(
                "settings: redis_url: not set (TOOLGATE_REDIS_URL)",
                where="environment",
                remedy="set it; `toolgate dev` starts a Redis and prints its address",
            )
        return self.redis_url

    @property
    def ledger_address(self) -> str:
        """The ledger's Redis for messages and logs: no user, no password, no options."""
        parts = urlsplit(self.ledger_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def group_id(self) -> str:
        """The gate's consumer group."""
        return f"{self.prefix}-gate"

    @property
    def hash_tag(self) -> str:
        """Begins every key of the ledger, so that a cluster keeps them on one node."""
        return f"{{{self.prefix}}}"

    def transactional_id(self, slot: int) -> str:
        """Stable for a slot: a restarted worker fences its past self."""
        return f"{self.prefix}-gate-{slot}"

    def topic(self, logical: str) -> str:
        """The broker's name of a logical topic: `intents` -> `toolgate.intents`."""
        return f"{self.prefix}.{logical}"


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings from arguments, environment and an optional TOML file.

    Args:
        config: a TOML file whose keys are the fields of `Settings`.
        **overrides: fields that win over both; `None` means "not given".

    Raises:
        SettingsError: a field is missing, unknown or unusable; all of them are named.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if config is None:
        source: type[Settings] = Settings
    else:
        _check_toml(config)
        # pydantic-settings takes the file from the class
        source = type("Settings", (Settings,), {"model_config": SettingsConfigDict(toml_file=config)})
    try:
        return source(**given)
    except ValidationError as error:
        raise _readable(error, config) from None
    except ValueError as error:  # a variable that should hold JSON does not
        raise SettingsError(
            str(error),
            where="environment",
            remedy="write it as JSON, e.g. TOOLGATE_KAFKA='{\"ssl.ca.location\": …}'",
        ) from None


def _check_toml(config: Path) -> None:
    try:
        tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"cannot read the settings file: {error.strerror}",
            where=str(config),
            remedy="give the path of a TOML file",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"not a TOML file: {error}", where=str(config), remedy="correct the line"
        ) from None


def _readable(error: ValidationError, config: Path | None) -> SettingsError:
    """All faults in one message; values are left out, they may be secrets."""
    faults: list[str] = []
    remedies: dict[str, None] = {}  # each once, in the order of the faults
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            faults.append(f"{name}: no such setting")
            remedies[_CORRECT_IT] = None
        elif fault["type"] == "missing":
            faults.append(not_set(name))
            remedies[_SET_IT] = None
        elif not name:  # of the settings together: the slot's validator has no other name
            faults.append(fault["msg"].removeprefix(_VALIDATOR))
            remedies[_OTHER_SLOT] = None
        else:
            faults.append(f"{name}: {fault['msg'].removeprefix(_VALIDATOR)}")
            remedies[_CORRECT_IT] = None
    return SettingsError(
        "settings: " + "; ".join(faults),
        where=f"arguments, environment and {config}" if config else "arguments and environment",
        remedy="; ".join(remedies),
    )


def not_set(name: str) -> str:
    """What is said of a setting that is needed: its variable, and its option where there is one."""
    option = _OPTIONS.get(name)
    return f"{name}: not set (TOOLGATE_{name.upper()}{f' or {option}' if option else ''})"


def _connection(settings: Settings) -> dict[str, Any]:
    return {
        **{name: value.get_secret_value() for name, value in settings.kafka.items()},
        "bootstrap.servers": settings.bootstrap_servers,
        # back within a second of the broker, instead of up to ten
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
    }


def admin_config(settings: Settings) -> dict[str, Any]:
    """For `confluent_kafka.admin.AdminClient`."""
    return _connection(settings)


def reader_config(settings: Settings) -> dict[str, Any]:
    """For a consumer outside the gate's group that assigns itself: committed records only, never a reset."""
    return {
        **_connection(settings),
        "group.id": f"{settings.prefix}-reader",  # librdkafka wants one; nothing is ever committed under it
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 5,
        "fetch.min.bytes": 1,
        "allow.auto.create.topics": False,
    }


def listener_config(settings: Settings) -> dict[str, Any]:
    """As `reader_config`, for whoever listens for hours: what comes in its partitions is delivered at once here, too.

    Idle, it asks fifty times a second instead of two hundred. Whatever else it asks may wait so long behind that: an
    end of the log, a partition that is new to it.
    """
    return {**reader_config(settings), "fetch.wait.max.ms": 20}


def _member(settings: Settings, group_id: str) -> dict[str, Any]:
    """A member of a group that shares out its topics so that equal partitions go to one."""
    return {
        "client.id": group_id,
        "group.id": group_id,
        "group.protocol": "classic",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.session_timeout_ms // 3,
    }


def consumer_config(settings: Settings, slot: int) -> dict[str, Any]:
    """For the gate's consumer of `slot`: static member, range assignment (co-partitions the input topics)."""
    return {
        **reader_config(settings),
        **_member(settings, settings.group_id),
        "client.id": settings.transactional_id(slot),
        "group.instance.id": settings.transactional_id(slot),
        # With one byte a thousand agents would be a thousand fetches a second; so it is one each `fetch.wait.max.ms`.
        "fetch.min.bytes": 65_536,
    }


def producer_config(settings: Settings, slot: int) -> dict[str, Any]:
    """For the gate's transactional producer of `slot`.

    The default back-off of 100 ms makes back-to-back transactions take 34 ms instead of 7; the default
    partitioner disagrees with every other client about where a key goes.
    """
    return {
        **_connection(settings),
        "client.id": settings.transactional_id(slot),
        "transactional.id": settings.transactional_id(slot),
        "transaction.timeout.ms": 10_000,
        "enable.idempotence": True,
        "acks": "all",
        "retry.backoff.ms": 2,
        "retry.backoff.max.ms": 20,
        "linger.ms": 1,
        "partitioner": "murmur2_random",
        "message.max.bytes": OUTPUT_RECORD_BYTES_MAX,
    }


def executor_consumer_config(settings: Settings, executor_id: str) -> dict[str, Any]:
    """For one of the executors that share the commands: a dynamic member, told by itself where to begin."""
    return listener_config(settings) | _member(settings, executor_group_id(settings, executor_id))


def notify_consumer_config(settings: Settings, endpoint: str) -> dict[str, Any]:
    """For whoever tells one endpoint: a group of its own, so that no endpoint waits for another.

    Where a place is gone, retention has taken what was there: it goes on with the oldest that is left.
    """
    return {
        **reader_config(settings),
        **_member(settings, notify_group_id(settings, endpoint)),
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }


def notify_group_id(settings: Settings, endpoint: str) -> str:
    """The consumer group of one endpoint of webhooks."""
    return f"{settings.prefix}-notify-{endpoint}"


def executor_producer_config(settings: Settings, executor_id: str, nonce: str) -> dict[str, Any]:
    """For an executor's transactions; the group's generation fences it, so each process takes a `nonce` of its own.

    What a process that died left open holds up the readers of its partitions until the timeout.
    """
    return {
        **client_producer_config(settings),
        "transactional.id": f"{executor_group_id(settings, executor_id)}-{nonce}",
        "transaction.timeout.ms": 10_000,
        "retry.backoff.ms": 2,
        "retry.backoff.max.ms": 20,
    }


def executor_group_id(settings: Settings, executor_id: str) -> str:
    """The consumer group of all processes of one executor; their transactional ids begin with it and a dash."""
    return f"{settings.prefix}-executor-{executor_id}"


def client_producer_config(settings: Settings) -> dict[str, Any]:
    """For whoever writes inputs: agents, executors, approvers, operators."""
    return {
        **_connection(settings),
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 1,
        "partitioner": "murmur2_random",
        "compression.type": "none",  # input topics are uncompressed: a small bomb must stay small
        "batch.size": INPUT_BATCH_BYTES_MAX,
        "message.max.bytes": INPUT_BYTES_MAX,
    }
