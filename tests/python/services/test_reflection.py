from __future__ import annotations

import grpc
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc


def ask(channel: grpc.Channel, **request: str) -> reflection_pb2.ServerReflectionResponse:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(**request)])
    return next(stub.ServerReflectionInfo(requests, timeout=10))


def test_every_service_is_listed(channel: grpc.Channel) -> None:
    listed = {service.name for service in ask(channel, list_services="").list_services_response.service}
    assert listed == {
        "pyserver.v1.PredictService",
        "pyserver.v1.ModelStatusService",
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_the_file_of_a_service_that_the_core_answers_can_be_read(channel: grpc.Channel) -> None:
    response = ask(channel, file_containing_symbol="pyserver.v1.PredictService")
    file = descriptor_pb2.FileDescriptorProto.FromString(response.file_descriptor_response.file_descriptor_proto[0])
    assert [method.name for method in file.service[0].method] == ["Predict", "PredictStream"]
