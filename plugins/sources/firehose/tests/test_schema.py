"""The generated code is that of the schema beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

from penstock_source_firehose import dropsonde_pb2


def test_the_generated_code_is_that_of_the_schema(tmp_path: Path) -> None:
    package = Path(dropsonde_pb2.__file__).parent
    described = tmp_path / "described"
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"-I{package.parent}"),
            f"--descriptor_set_out={described}",
            f"{package.name}/dropsonde.proto",
        ],
        check=True,
    )
    (generated,) = descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes()).file
    checked_in = descriptor_pb2.FileDescriptorProto()
    dropsonde_pb2.DESCRIPTOR.CopyToProto(checked_in)
    for message in generated.message_type:
        for field in message.field:
            field.ClearField("json_name")
    assert checked_in == generated
