from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Envelope(_message.Message):
    __slots__ = ("origin", "eventType", "timestamp", "httpStartStop", "logMessage", "valueMetric", "counterEvent", "error", "containerMetric", "deployment", "job", "index", "ip", "tags")
    class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        HTTP_START_STOP: _ClassVar[Envelope.EventType]
        LOG_MESSAGE: _ClassVar[Envelope.EventType]
        VALUE_METRIC: _ClassVar[Envelope.EventType]
        COUNTER_EVENT: _ClassVar[Envelope.EventType]
        ERROR: _ClassVar[Envelope.EventType]
        CONTAINER_METRIC: _ClassVar[Envelope.EventType]
    HTTP_START_STOP: Envelope.EventType
    LOG_MESSAGE: Envelope.EventType
    VALUE_METRIC: Envelope.EventType
    COUNTER_EVENT: Envelope.EventType
    ERROR: Envelope.EventType
    CONTAINER_METRIC: Envelope.EventType
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    EVENTTYPE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    HTTPSTARTSTOP_FIELD_NUMBER: _ClassVar[int]
    LOGMESSAGE_FIELD_NUMBER: _ClassVar[int]
    VALUEMETRIC_FIELD_NUMBER: _ClassVar[int]
    COUNTEREVENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONTAINERMETRIC_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    IP_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    eventType: Envelope.EventType
    timestamp: int
    httpStartStop: HttpStartStop
    logMessage: LogMessage
    valueMetric: ValueMetric
    counterEvent: CounterEvent
    error: Error
    containerMetric: ContainerMetric
    deployment: bytes
    job: bytes
    index: bytes
    ip: bytes
    tags: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, origin: _Optional[bytes] = ..., eventType: _Optional[_Union[Envelope.EventType, str]] = ..., timestamp: _Optional[int] = ..., httpStartStop: _Optional[_Union[HttpStartStop, _Mapping]] = ..., logMessage: _Optional[_Union[LogMessage, _Mapping]] = ..., valueMetric: _Optional[_Union[ValueMetric, _Mapping]] = ..., counterEvent: _Optional[_Union[CounterEvent, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., containerMetric: _Optional[_Union[ContainerMetric, _Mapping]] = ..., deployment: _Optional[bytes] = ..., job: _Optional[bytes] = ..., index: _Optional[bytes] = ..., ip: _Optional[bytes] = ..., tags: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Tag(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    value: bytes
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ...) -> None: ...

class LogMessage(_message.Message):
    __slots__ = ("message", "message_type", "timestamp", "app_id", "source_type", "source_instance")
    class MessageType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUT: _ClassVar[LogMessage.MessageType]
        ERR: _ClassVar[LogMessage.MessageType]
    OUT: LogMessage.MessageType
    ERR: LogMessage.MessageType
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_TYPE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    message: bytes
    message_type: LogMessage.MessageType
    timestamp: int
    app_id: bytes
    source_type: bytes
    source_instance: bytes
    def __init__(self, message: _Optional[bytes] = ..., message_type: _Optional[_Union[LogMessage.MessageType, str]] = ..., timestamp: _Optional[int] = ..., app_id: _Optional[bytes] = ..., source_type: _Optional[bytes] = ..., source_instance: _Optional[bytes] = ...) -> None: ...

class UUID(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: int
    high: int
    def __init__(self, low: _Optional[int] = ..., high: _Optional[int] = ...) -> None: ...

class HttpStartStop(_message.Message):
    __slots__ = ("startTimestamp", "stopTimestamp", "requestId", "peerType", "method", "uri", "remoteAddress", "userAgent", "statusCode", "contentLength", "applicationId", "instanceIndex", "instanceId", "forwarded")
    STARTTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    STOPTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    REQUESTID_FIELD_NUMBER: _ClassVar[int]
    PEERTYPE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    REMOTEADDRESS_FIELD_NUMBER: _ClassVar[int]
    USERAGENT_FIELD_NUMBER: _ClassVar[int]
    STATUSCODE_FIELD_NUMBER: _ClassVar[int]
    CONTENTLENGTH_FIELD_NUMBER: _ClassVar[int]
    APPLICATIONID_FIELD_NUMBER: _ClassVar[int]
    INSTANCEINDEX_FIELD_NUMBER: _ClassVar[int]
    INSTANCEID_FIELD_NUMBER: _ClassVar[int]
    FORWARDED_FIELD_NUMBER: _ClassVar[int]
    startTimestamp: int
    stopTimestamp: int
    requestId: UUID
    peerType: int
    method: int
    uri: bytes
    remoteAddress: bytes
    userAgent: bytes
    statusCode: int
    contentLength: int
    applicationId: UUID
    instanceIndex: int
    instanceId: bytes
    forwarded: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, startTimestamp: _Optional[int] = ..., stopTimestamp: _Optional[int] = ..., requestId: _Optional[_Union[UUID, _Mapping]] = ..., peerType: _Optional[int] = ..., method: _Optional[int] = ..., uri: _Optional[bytes] = ..., remoteAddress: _Optional[bytes] = ..., userAgent: _Optional[bytes] = ..., statusCode: _Optional[int] = ..., contentLength: _Optional[int] = ..., applicationId: _Optional[_Union[UUID, _Mapping]] = ..., instanceIndex: _Optional[int] = ..., instanceId: _Optional[bytes] = ..., forwarded: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ValueMetric(_message.Message):
    __slots__ = ("name", "value", "unit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    value: float
    unit: bytes
    def __init__(self, name: _Optional[bytes] = ..., value: _Optional[float] = ..., unit: _Optional[bytes] = ...) -> None: ...

class CounterEvent(_message.Message):
    __slots__ = ("name", "delta", "total")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    delta: int
    total: int
    def __init__(self, name: _Optional[bytes] = ..., delta: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("source", "code", "message")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    source: bytes
    code: int
    message: bytes
    def __init__(self, source: _Optional[bytes] = ..., code: _Optional[int] = ..., message: _Optional[bytes] = ...) -> None: ...

class ContainerMetric(_message.Message):
    __slots__ = ("applicationId", "instanceIndex", "cpuPercentage", "memoryBytes", "diskBytes", "memoryBytesQuota", "diskBytesQuota")
    APPLICATIONID_FIELD_NUMBER: _ClassVar[int]
    INSTANCEINDEX_FIELD_NUMBER: _ClassVar[int]
    CPUPERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    MEMORYBYTES_FIELD_NUMBER: _ClassVar[int]
    DISKBYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORYBYTESQUOTA_FIELD_NUMBER: _ClassVar[int]
    DISKBYTESQUOTA_FIELD_NUMBER: _ClassVar[int]
    applicationId: bytes
    instanceIndex: int
    cpuPercentage: float
    memoryBytes: int
    diskBytes: int
    memoryBytesQuota: int
    diskBytesQuota: int
    def __init__(self, applicationId: _Optional[bytes] = ..., instanceIndex: _Optional[int] = ..., cpuPercentage: _Optional[float] = ..., memoryBytes: _Optional[int] = ..., diskBytes: _Optional[int] = ..., memoryBytesQuota: _Optional[int] = ..., diskBytesQuota: _Optional[int] = ...) -> None: ...
