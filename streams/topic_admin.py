"""The table of topics against a real broker: create what is missing, refuse what would break a promise."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.settings import Settings, admin_config
from toolgate.streams.topic_plan import CHECKED, Existing, plan
from toolgate.streams.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from typing import Any

    from toolgate.streams.topics import Topic

_TIMEOUT_S = 10.0


def connect(settings: Settings) -> AdminClient:
    """An admin client that keeps quiet: what goes wrong is said by the calls below."""
    return AdminClient(admin_config(settings) | {"log_level": 0})


def existing(admin: AdminClient, settings: Settings) -> dict[str, Existing]:
    """The topics of this prefix as the broker has them, by logical name.

    Raises:
        UnreachableError: no answer within 10 s.
        RefusedError: the broker does not let us see them.
    """
    try:
        topics = admin.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        raise _failed(error, settings) from None
    present = {t.name: topics[settings.topic(t.name)] for t in TOPICS if settings.topic(t.name) in topics}
    if not present:
        return {}
    resources = {name: ConfigResource(ResourceType.TOPIC, settings.topic(name)) for name in present}
    answers = admin.describe_configs(list(resources.values()), request_timeout=_TIMEOUT_S)
    found = {}
    for name, metadata in present.items():
        config = _result(answers[resources[name]], settings, tolerate=KafkaError.UNKNOWN_TOPIC_OR_PART)
        if config is None:  # this broker has not heard of it yet, or not any more
            continue
        found[name] = Existing(
            partitions=len(metadata.partitions),
            replicas=min((len(p.replicas) for p in metadata.partitions.values()), default=0),
            config={key: str(config[key].value) for key in CHECKED if key in config},
        )
    return found


def check(admin: AdminClient, settings: Settings) -> None:
    """Raise unless every topic is there and keeps its promises; the gate calls it before it joins.

    Raises:
        RefusedError: names each missing topic and each setting that is wrong, and how to mend it; where there
            is none at all, says so once.
        UnreachableError: no answer within 10 s.
    """
    needed = plan(existing(admin, settings), settings)
    if len(needed.create) == len(TOPICS):
        command = f"toolgate topics apply --prefix {settings.prefix}"
        if settings.partitions != Settings.model_fields["partitions"].default:
            command += f" --partitions {settings.partitions}"  # a count is fixed for life
        raise RefusedError(
            f"no topics under prefix {settings.prefix}",
            where=settings.bootstrap_servers,
            remedy=f"run `{command}`, or correct the prefix",
        )
    faults = [
        f"{settings.topic(topic.name)}: is missing; `toolgate topics apply` creates it"
        for topic in needed.create
    ]
    _refuse([*faults, *map(str, needed.problems)], settings)


def apply(admin: AdminClient, settings: Settings) -> tuple[str, ...]:
    """Create what is missing, then check all; nothing that exists is altered.

    Nothing is created while a problem stands.

    Returns:
        The broker's names of the topics that were created.

    Raises:
        RefusedError: a topic would break a promise, or may not be created.
        UnreachableError: no answer within 10 s.
    """
    needed = plan(existing(admin, settings), settings)
    _refuse([str(problem) for problem in needed.problems], settings)
    if needed.create:
        new = [_new_topic(topic, settings) for topic in needed.create]
        create(admin, settings, new)
        _await_all(admin, settings)
        check(admin, settings)
    return tuple(settings.topic(topic.name) for topic in needed.create)


def create(admin: AdminClient, settings: Settings, new: list[NewTopic]) -> None:
    """Create topics; those that are there by now stay as they are.

    Raises:
        RefusedError: one may not be created.
        UnreachableError: no answer within 20 s.
    """
    futures: Mapping[str, Future[Any]] = admin.create_topics(
        new, operation_timeout=_TIMEOUT_S, request_timeout=_TIMEOUT_S
    )
    for future in futures.values():
        _result(future, settings, tolerate=KafkaError.TOPIC_ALREADY_EXISTS)


def _await_all(admin: AdminClient, settings: Settings) -> None:
    """Wait until the brokers know what the controller has created; what they never learn, `check` names."""
    deadline = time.monotonic() + _TIMEOUT_S
    while plan(existing(admin, settings), settings).create and time.monotonic() < deadline:
        time.sleep(0.05)


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    config = topic.config()
    if settings.min_insync_replicas is not None:
        config["min.insync.replicas"] = str(settings.min_insync_replicas)
    return NewTopic(
        settings.topic(topic.name),
        num_partitions=topic.partitions(settings.partitions),
        replication_factor=settings.replication_factor,
        config=config,
    )


def _refuse(faults: list[str], settings: Settings) -> None:
    if faults:
        raise RefusedError(
            f"{len(faults)} thing(s) about the topics of {settings.prefix!r} would break a promise:\n"
            + "\n".join(f"    {fault}" for fault in faults),
            where=settings.bootstrap_servers,
            remedy="mend each as its line says, then `toolgate topics check`",
        )


def _result(future: Future[Any], settings: Settings, tolerate: int | None = None) -> Any:
    try:
        return future.result(timeout=_TIMEOUT_S * 2)
    except KafkaException as error:
        if error.args[0].code() == tolerate:
            return None
        raise _failed(error, settings) from None
    except TimeoutError:
        raise UnreachableError(
            f"Kafka did not answer within {_TIMEOUT_S * 2:.0f} s",
            where=settings.bootstrap_servers,
            remedy="start it, or correct TOOLGATE_BOOTSTRAP_SERVERS",
        ) from None


_NO_ANSWER = frozenset({
    KafkaError._TRANSPORT,  # noqa: SLF001 - librdkafka's local errors have such names
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
})  # fmt: skip


def _failed(error: KafkaException, settings: Settings) -> RefusedError | UnreachableError:
    cause: KafkaError = error.args[0]
    if cause.code() in _NO_ANSWER:
        return UnreachableError(
            f"Kafka does not answer: {cause.str()}",
            where=settings.bootstrap_servers,
            remedy="start it, or correct TOOLGATE_BOOTSTRAP_SERVERS",
        )
    return RefusedError(
        f"Kafka refused: {cause.name()}: {cause.str()}",
        where=settings.bootstrap_servers,
        remedy="check the rights of this user and the cluster's limits",
    )
