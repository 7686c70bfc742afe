# proto/**.proto → Python modules (messages, type stubs, gRPC stubs), built and installed, never committed.
set(PROTO_FOLDER ${CMAKE_SOURCE_DIR}/proto)
set(PROTO_OUT ${CMAKE_BINARY_DIR}/generated)
set(PROTO_FILES
    pyserver/v1/tensor.proto
    pyserver/v1/predict.proto
    pyserver/v1/model_status.proto
    pyserver/open_inference/open_inference.proto
    pyserver/tensorflow_serving/v1/predict.proto)

set(PROTO_OUTPUTS)
foreach(proto ${PROTO_FILES})
  string(REPLACE ".proto" "" stem ${proto})
  get_filename_component(folder ${proto} DIRECTORY)
  set(outputs ${PROTO_OUT}/${stem}_pb2.py ${PROTO_OUT}/${stem}_pb2.pyi ${PROTO_OUT}/${stem}_pb2_grpc.py)
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROTO_OUT}
    COMMAND ${Python_EXECUTABLE} -m grpc_tools.protoc -I${PROTO_FOLDER} --python_out=${PROTO_OUT} --pyi_out=${PROTO_OUT}
            --grpc_python_out=${PROTO_OUT} ${PROTO_FOLDER}/${proto}
    DEPENDS ${PROTO_FOLDER}/${proto}
    VERBATIM)
  install(FILES ${outputs} DESTINATION ${folder})
  list(APPEND PROTO_OUTPUTS ${outputs})
endforeach()
add_custom_target(pyserver_protobuf ALL DEPENDS ${PROTO_OUTPUTS})
