"""Inboxes, their users and their rights on the broker, as `sources.toml` says.

A source that publishes to Kafka has a topic, a user of the same name (SCRAM-SHA-512), and the right to write that
topic, nothing else. Our own processes use another listener, within the network, as administrators of the broker. Only
administrators may write the API keys and the ledger: for everybody else it is denied, whatever other rights say.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from services.domain.plan.plan import Source
from services.messaging import topics

ITERATIONS: Final = 8192
"""Of SCRAM; the password is random, so more would only cost time."""
_RIGHTS: Final = (ACLOperation.WRITE, ACLOperation.DESCRIBE)


_EVERYBODY: Final = "User:*"
_DENIED: Final = (ACLOperation.WRITE, ACLOperation.DELETE, ACLOperation.ALTER, ACLOperation.ALTER_CONFIGS)
"""On the topics of OURS_ALONE. The authorizer asks nothing of the broker's super users."""
OURS_ALONE: Final = {
    topics.GATEWAY_KEYS: "make API keys",
    topics.LEDGER_REQUESTS: "have anything recorded",
    topics.LEDGER: "write beside the keeper of the ledger",
}
"""Topic → what somebody could do who may write it."""


class BrokerRefused(Exception):
    """The broker did not make a user or a right; the sentence says why."""


@dataclass(frozen=True)
class Inboxes:
    """The inboxes of the sources of a plan, on one broker."""

    bootstrap: str
    sources: Sequence[Source]
    copies: int

    def make(self, folder: Path) -> Iterator[str]:
        """Make what is missing, and take away the users and rights of sources that are not registered any more. What
        was done, a line each. A new user's password goes to a file of its own in `folder`.

        Raises KafkaError, BrokerRefused and OSError.
        """
        for name in topics.create_all(self.bootstrap, self._topics(), self.copies):
            yield f"made {name}"
        with closing(self._admin()) as admin:
            users, rights = self._users(admin), self._rights(admin)
            for source in self.sources:
                if source.inbox not in users:
                    yield self._make_user(admin, source.inbox, folder)
                yield from self._make_rights(admin, source.inbox, rights)
            yield from self._deny_ours(admin)
            registered = {source.inbox for source in self.sources}
            for user in sorted((users | {user for user, _, _ in rights}) - registered):
                self._remove(admin, user, user in users)
                yield f"removed the user {user}: no source has this inbox"

    @staticmethod
    def _make_rights(admin: KafkaAdminClient, inbox: str, rights: set[tuple[str, str, Any]]) -> Iterator[str]:
        """Let the user of an inbox write it, where it may not yet."""
        missing = [right for right in _RIGHTS if (inbox, inbox, right) not in rights]
        if missing:
            _check(admin.create_acls([_right(inbox, operation) for operation in missing]))
            yield f"{inbox} may be written by its user"

    def _deny_ours(self, admin: KafkaAdminClient) -> Iterator[str]:
        """Let nobody but administrators write what is ours alone."""
        for topic in OURS_ALONE:
            open_to = self._not_denied(admin, topic)
            if open_to:
                _check(admin.create_acls([_denial(topic, operation) for operation in open_to]))
                yield f"{topic} may be written by administrators only"

    def problems(self) -> list[str]:
        """What is wrong, a sentence each. Raises KafkaError."""
        found = topics.check_all(self.bootstrap, self._topics(), self.copies)
        with closing(self._admin()) as admin:
            users, rights = self._users(admin), self._rights(admin)
            open_to = [topic for topic in OURS_ALONE if self._not_denied(admin, topic)]
        found += [
            f"{topic} is not denied to those who are no administrators: with a right to write all topics somebody "
            f"could {OURS_ALONE[topic]}. Deny it with `kpiwatch inboxes`"
            for topic in open_to
        ]
        for source in self.sources:
            found += self._problems_of(source.inbox, users, rights)
        registered = {source.inbox for source in self.sources}
        found += [
            f"{user} may use {topic}: take that right away with `kpiwatch inboxes` or kafka-acls"
            for user, topic, _ in sorted(rights)
            if user not in registered or topic != user
        ]
        return found

    @staticmethod
    def _problems_of(inbox: str, users: set[str], rights: set[tuple[str, str, Any]]) -> Iterator[str]:
        if inbox not in users:
            yield f"{inbox} has no user: make it with `kpiwatch inboxes`"
        if any((inbox, inbox, right) not in rights for right in _RIGHTS):
            yield f"the user of {inbox} may not write it: make it with `kpiwatch inboxes`"

    def _topics(self) -> list[topics.Topic]:
        return [topics.inbox(source.inbox) for source in self.sources]

    def _admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.bootstrap.split(","), bootstrap_timeout_ms=topics.ANSWER_MS)

    @staticmethod
    def _users(admin: KafkaAdminClient) -> set[str]:
        """The users of inboxes that there are."""
        return {user for user in admin.describe_user_scram_credentials() if user.startswith(topics.INBOX_PREFIX)}

    @staticmethod
    def _rights(admin: KafkaAdminClient) -> set[tuple[str, str, Any]]:
        """(user, topic, operation) of every user of an inbox."""
        pattern = ResourcePatternFilter(ResourceType.TOPIC, None, ACLResourcePatternType.ANY)
        asked = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ALLOW, pattern)
        found, _ = admin.describe_acls(asked)
        named = [(each.principal.removeprefix("User:"), each.resource_pattern.resource_name, each) for each in found]
        return {(user, topic, each.operation) for user, topic, each in named if user.startswith(topics.INBOX_PREFIX)}

    @staticmethod
    def _not_denied(admin: KafkaAdminClient, topic: str) -> list[Any]:
        """What is to be denied to everybody on a topic of ours, and is not."""
        pattern = ResourcePatternFilter(ResourceType.TOPIC, topic, ACLResourcePatternType.LITERAL)
        asked = ACLFilter(_EVERYBODY, "*", ACLOperation.ANY, ACLPermissionType.DENY, pattern)
        found, _ = admin.describe_acls(asked)
        there = {each.operation for each in found}
        return [operation for operation in _DENIED if operation not in there]

    @staticmethod
    def _make_user(admin: KafkaAdminClient, user: str, folder: Path) -> str:
        password = secrets.token_urlsafe(32)
        file = folder / f"{user}.properties"
        folder.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(_PROPERTIES.format(user=user, password=password), encoding="utf-8")
        made = UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password, ITERATIONS)
        for name, error in admin.alter_user_scram_credentials([made]).items():
            if error is not None:
                raise BrokerRefused(f"the user {name} was not made: {error}")
        return f"made the user {user}: its password is in {file}"

    @staticmethod
    def _remove(admin: KafkaAdminClient, user: str, has_password: bool) -> None:
        if has_password:
            admin.alter_user_scram_credentials([UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)])
        pattern = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        admin.delete_acls([ACLFilter(f"User:{user}", None, ACLOperation.ANY, ACLPermissionType.ANY, pattern)])


_PROPERTIES: Final = """\
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
  username="{user}" password="{password}";
"""
"""As Kafka's own clients read them."""


def _right(inbox: str, operation: Any) -> ACL:
    pattern = ResourcePattern(ResourceType.TOPIC, inbox)
    return ACL(f"User:{inbox}", "*", operation, ACLPermissionType.ALLOW, pattern)


def _denial(topic: str, operation: Any) -> ACL:
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    return ACL(_EVERYBODY, "*", operation, ACLPermissionType.DENY, pattern)


def _check(answer: dict[str, list[Any]]) -> None:
    if answer["failed"]:
        raise BrokerRefused(f"a right was not given: {answer['failed'][0].__name__}")
