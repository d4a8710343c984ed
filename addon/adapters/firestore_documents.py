"""The document port on Firestore (native mode), by google.firestore.v1 over gRPC: the production store.

One RPC a read, one a commit; every call ends within the deadline. Writes that are not safe to repeat are sent once.
Channels do not survive a fork: build the adapter in the process that uses it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import ArrayValue as Array
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    CommitRequest,
    Cursor,
    MapValue,
    Precondition,
    RollbackRequest,
    RunQueryRequest,
    StructuredQuery,
    TransactionOptions,
    Value,
    Write,
)
from google.cloud.firestore_v1.types import Document as Stored

from addon.adapters.document_rules import MAX_PAGE, check_expiry, check_path, check_query, encode
from addon.adapters.repeat import DEADLINE_SECONDS, pauses, repeated
from addon.ports import indexes
from addon.ports.documents import (
    AlreadyExists,
    Away,
    Body,
    Conflict,
    Document,
    DocumentsError,
    NotFound,
    Refused,
    Transaction,
)

T = TypeVar("T")
ATTEMPTS = 5
PING = "health/ping"
# The lowest id there is: bounds of a range over whole names must be names of documents.
_LOWEST_ID = "__id-9223372036854775808__"
_CHANNEL = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
)
_AGAIN = (exceptions.ServiceUnavailable, exceptions.InternalServerError)
_KINDS: tuple[tuple[type[Exception], type[DocumentsError]], ...] = (
    (exceptions.AlreadyExists, AlreadyExists),
    (exceptions.NotFound, NotFound),
    (exceptions.Aborted, Conflict),
    (exceptions.InvalidArgument, Refused),
    (exceptions.FailedPrecondition, Refused),
    (exceptions.OutOfRange, Refused),
)
_Value, _Map, _Array, _Stored = Value.pb(), MapValue.pb(), Array.pb(), Stored.pb()
_Filter, _Field = StructuredQuery.FieldFilter, StructuredQuery.FieldReference
_log = logging.getLogger(__name__)


def _translated(error: Exception) -> DocumentsError:
    kind = next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), Away)
    return kind(type(error).__name__)


def _value(found: Any) -> Any:
    """The protobuf Value of a JSON value."""
    match found:
        case None:
            return _Value(null_value=0)
        case bool():
            return _Value(boolean_value=found)
        case int():
            return _Value(integer_value=found)
        case float():
            return _Value(double_value=found)
        case str():
            return _Value(string_value=found)
        case list():
            return _Value(array_value=_Array(values=[_value(item) for item in found]))
        case _:
            return _Value(map_value=_Map(fields=_fields(found)))


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(found) for name, found in body.items()}


def _plain(value: Any) -> Any:
    """The JSON value of a protobuf Value."""
    kind = value.WhichOneof("value_type")
    match kind:
        case "map_value":
            return {name: _plain(found) for name, found in value.map_value.fields.items()}
        case "array_value":
            return [_plain(found) for found in value.array_value.values]
        case "null_value" | None:
            return None
        case "boolean_value" | "integer_value" | "double_value" | "string_value":
            return getattr(value, kind)
        case _:
            raise Refused(f"a {kind} in a stored document: this product writes none")


class _Work:
    """One attempt of a transaction; the first read opens it, and writes wait for the commit."""

    def __init__(self, store: FirestoreDocuments, retry_of: bytes, until: float) -> None:
        self._store, self._retry_of, self._until = store, retry_of, until
        self._writes: list[Any] = []
        self.id = b""

    def get(self, path: str) -> Document | None:
        check_path(path, document=True)
        if self._writes:
            raise Refused("a transaction reads before it writes")
        opened = {"transaction": self.id} if self.id else {"new_transaction": self._options()}
        found, transaction = self._store._batch_get([path], self._until, **opened)
        self.id = self.id or transaction
        return found[0] if found else None

    def _options(self) -> Any:
        return TransactionOptions(read_write=TransactionOptions.ReadWrite(retry_transaction=self._retry_of))

    def create(self, path: str, body: Body) -> None:
        self._write(path, body, Precondition(exists=False))

    def put(self, path: str, body: Body) -> None:
        self._write(path, body, None)

    def _write(self, path: str, body: Body, condition: Any) -> None:
        check_path(path, document=True)
        encode(body)
        check_expiry(path, body)
        stored = Stored.wrap(_Stored(name=self._store._name(path), fields=_fields(body)))
        self._writes.append(Write(update=stored, current_document=condition))

    def delete(self, path: str, *, must_exist: bool = False) -> None:
        check_path(path, document=True)
        condition = Precondition(exists=True) if must_exist else None
        self._writes.append(Write(delete=self._store._name(path), current_document=condition))

    def commit(self) -> None:
        if self.id or self._writes:
            self._store._commit(self._writes, self.id, self._until)

    def rollback(self) -> None:
        if self.id:
            self._store._rollback(self.id)


class FirestoreDocuments:
    """One database. Safe between threads; every call answers or raises within `deadline_seconds`."""

    def __init__(self, client: Any, project: str, database: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._client = client
        self._database = f"projects/{project}/databases/{database}"
        self._root = f"{self._database}/documents"
        self._metadata = (("google-cloud-resource-prefix", self._database),)
        self._deadline_seconds = deadline_seconds

    def _name(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _until(self) -> float:
        return time.monotonic() + self._deadline_seconds

    def _call(self, call: Callable[[float], T], until: float, *, again: bool) -> T:
        """`call(seconds left)`, repeated while the server is away and time is left if `again`."""
        try:
            return repeated(call, until, _AGAIN if again else ())
        except (exceptions.GoogleAPICallError, exceptions.RetryError, GoogleAuthError, grpc.RpcError) as error:
            raise _translated(error) from error

    def _document(self, stored: Any) -> Document:
        raw = Stored.pb(stored)
        return Document(raw.name[len(self._root) + 1 :], {name: _plain(value) for name, value in raw.fields.items()})

    def _batch_get(self, paths: Sequence[str], until: float, **opened: Any) -> tuple[list[Document], bytes]:
        """Found documents in the order asked for, and the transaction that was opened."""
        names = [self._name(path) for path in paths]
        request = BatchGetDocumentsRequest(database=self._database, documents=names, **opened)

        def call(seconds: float) -> list[Any]:
            stream = self._client.batch_get_documents(
                request=request, retry=None, timeout=seconds, metadata=self._metadata
            )
            return list(stream)

        answers = self._call(call, until, again=True)
        transaction = next((bytes(answer.transaction) for answer in answers if answer.transaction), b"")
        found = {answer.found.name: self._document(answer.found) for answer in answers if "found" in answer}
        return [found[name] for name in names if name in found], transaction

    def _commit(self, writes: list[Any], transaction: bytes, until: float) -> None:
        request = CommitRequest(database=self._database, writes=writes, transaction=transaction)
        # With a precondition or a transaction a repeat would meet the first try's own work.
        again = not transaction and not any("current_document" in write for write in writes)
        self._call(
            lambda seconds: self._client.commit(request=request, retry=None, timeout=seconds, metadata=self._metadata),
            until,
            again=again,
        )

    def _rollback(self, transaction: bytes) -> None:
        """Frees the locks at once; unanswered, the server frees them when the transaction is idle for 60 s."""
        request = RollbackRequest(database=self._database, transaction=transaction)
        try:
            self._call(
                lambda seconds: self._client.rollback(
                    request=request, retry=None, timeout=seconds, metadata=self._metadata
                ),
                time.monotonic() + self._deadline_seconds / 4,
                again=False,
            )
        except DocumentsError as error:
            _log.warning("a transaction was left to end by itself", extra={"reason": str(error)})

    def get(self, path: str) -> Document | None:
        found = self.get_many([path])
        return found[0] if found else None

    def get_many(self, paths: Iterable[str]) -> list[Document]:
        asked = list(dict.fromkeys(paths))
        for path in asked:
            check_path(path, document=True)
        return self._batch_get(asked, self._until())[0] if asked else []

    def create(self, path: str, body: Body) -> None:
        self.run(lambda work: work.create(path, body))

    def put(self, path: str, body: Body) -> None:
        self.run(lambda work: work.put(path, body))

    def delete(self, path: str) -> bool:
        try:
            self._run(lambda work: work.delete(path, must_exist=True))
        except NotFound:
            return False
        return True

    def query(self, query: indexes.Query) -> list[Document]:
        check_query(query)
        index = query.index
        parent = query.parent.rpartition("/")[0]
        filters = [
            _compare(name, _Filter.Operator.IN, list(value.values))
            if isinstance(value, indexes.OneOf)
            else _compare(name, _Filter.Operator.EQUAL, value)
            for name, value in zip(index.equal, query.equal, strict=True)
        ]
        down, fields = False, ["__name__"]
        if index.order:
            field, down = index.order
            fields = [field, "__name__"]
            # A range keeps to values of its own kind: numbers, from the lowest there is.
            low = query.at_least if query.at_least is not None else float("-inf")
            filters.append(_compare(field, _Filter.Operator.GREATER_THAN_OR_EQUAL, low))
            if query.at_most is not None:
                filters.append(_compare(field, _Filter.Operator.LESS_THAN_OR_EQUAL, query.at_most))
        start = None
        if index.order and query.after is not None:
            value, path = query.after
            start = Cursor(values=[Value.wrap(_value(value)), self._reference(path)], before=False)
        way = StructuredQuery.Direction.DESCENDING if down else StructuredQuery.Direction.ASCENDING
        selector = StructuredQuery.CollectionSelector(collection_id=index.collection, all_descendants=index.group)
        return self._run_query(parent, selector, filters, [(field, way) for field in fields], start, query.limit)

    def list_under(self, prefix: str, limit: int = MAX_PAGE, after: str = "") -> list[Document]:
        segments = prefix.split("/")
        if not all(segments):
            raise Refused("an empty path segment")
        filters = []
        parent = prefix
        if len(segments) % 2:
            parent = "/".join(segments[:-1])
            low, high = f"{prefix}/{_LOWEST_ID}", f"{prefix}\0/{_LOWEST_ID}"
            filters = [
                _compare("__name__", _Filter.Operator.GREATER_THAN_OR_EQUAL, self._reference(low)),
                _compare("__name__", _Filter.Operator.LESS_THAN, self._reference(high)),
            ]
        start = Cursor(values=[self._reference(after)], before=False) if after else None
        selector = StructuredQuery.CollectionSelector(all_descendants=True)
        order = [("__name__", StructuredQuery.Direction.ASCENDING)]
        return self._run_query(parent, selector, filters, order, start, limit)

    def _reference(self, path: str) -> Any:
        return Value(reference_value=self._name(path))

    def _run_query(
        self, parent: str, selector: Any, filters: list[Any], order: list[tuple[str, Any]], start: Any, limit: int
    ) -> list[Document]:
        orders = [StructuredQuery.Order(field=_Field(field_path=field), direction=way) for field, way in order]
        query = StructuredQuery(from_=[selector], order_by=orders, start_at=start, limit=limit)
        if filters:
            both = StructuredQuery.CompositeFilter(op=StructuredQuery.CompositeFilter.Operator.AND, filters=filters)
            query.where = StructuredQuery.Filter(composite_filter=both)
        request = RunQueryRequest(parent=self._name(parent) if parent else self._root, structured_query=query)

        def call(seconds: float) -> list[Document]:
            stream = self._client.run_query(request=request, retry=None, timeout=seconds, metadata=self._metadata)
            return [self._document(answer.document) for answer in stream if "document" in answer]

        return self._call(call, self._until(), again=True)

    def run(self, work: Callable[[Transaction], T]) -> T:
        return self._run(work)

    def _run(self, work: Callable[[_Work], T]) -> T:
        until, pause, retry_of = self._until(), pauses(), b""
        for _ in range(ATTEMPTS):
            attempt = _Work(self, retry_of, until)
            try:
                result = work(attempt)
                attempt.commit()
            except Conflict:
                retry_of = attempt.id
            except BaseException:
                attempt.rollback()
                raise
            else:
                return result
            wait = pause()
            if time.monotonic() + wait >= until:
                break
            time.sleep(wait)
        raise Conflict("others change the same documents; try again")

    def ping(self) -> None:
        self.get(PING)

    def scrub(self) -> None:
        """Nothing to do: the service keeps no file here, and its own copies go by Google's deletion schedule."""


def _compare(field: str, operator: Any, value: Any) -> Any:
    wrapped = value if isinstance(value, Value) else Value.wrap(_value(value))
    return StructuredQuery.Filter(field_filter=_Filter(field=_Field(field_path=field), op=operator, value=wrapped))


def connect(
    project: str, database: str = "(default)", *, emulator: str = "", deadline_seconds: float = DEADLINE_SECONDS
) -> FirestoreDocuments:
    """The store of a project with the machine's own credentials, or an emulator at `host:port` without any."""
    if emulator:
        channel = grpc.insecure_channel(emulator, options=_CHANNEL)
    else:
        channel = FirestoreGrpcTransport.create_channel(FirestoreClient.DEFAULT_ENDPOINT, options=_CHANNEL)
    client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
    return FirestoreDocuments(client, project, database, deadline_seconds)
