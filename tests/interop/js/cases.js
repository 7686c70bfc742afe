// The cases of gRPC's interop test descriptions that need no look at compression and no credentials: name → function.
'use strict';

const assert = require('node:assert/strict');
const { Metadata, status } = require('@grpc/grpc-js');

const LARGE_REQUEST = 271828;
const LARGE_RESPONSE = 314159;
const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];
const ECHO_INITIAL = 'x-grpc-test-echo-initial';
const ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin';

const zeros = (size) => ({ body: Buffer.alloc(size) });

function assertZeros(message, size) {
  assert.deepEqual(message.payload.body, Buffer.alloc(size));
}

// A call's messages, initial metadata and final status, gathered as they come.
class Outcome {
  constructor(call) {
    this.messages = [];
    this.waiting = [];
    this.initial = null;
    call.on('metadata', (metadata) => { this.initial = metadata; });
    call.on('data', (message) => {
      this.messages.push(message);
      this.wake();
    });
    // The status says the same; but an error that nobody listens to would end the process.
    call.on('error', () => {});
    this.status = new Promise((resolve) => {
      call.on('status', (final) => {
        this.final = final;
        this.wake();
        resolve(final);
      });
    });
  }

  wake() {
    this.waiting.splice(0).forEach((resolve) => resolve());
  }

  // The message at this place, counted from 0; fails where the call ends before it.
  async message(place) {
    while (this.messages.length <= place && this.final === undefined) {
      await new Promise((resolve) => this.waiting.push(resolve));
    }
    assert.ok(place < this.messages.length, `no message ${place}, but ${JSON.stringify(this.final)}`);
    return this.messages[place];
  }

  async endsWith(code, details) {
    const final = await this.status;
    assert.equal(status[final.code], status[code], final.details);
    if (details !== undefined) {
      assert.equal(final.details, details);
    }
    return final;
  }
}

// start(callback) begins a call with one response: its outcome, and the response, once the callback has said how it ended.
async function singleResponse(start) {
  let outcome;
  const response = await new Promise((resolve) => {
    const call = start((error, message) => resolve(message));
    outcome = new Outcome(call);
  });
  return { response, outcome };
}

function unary(client, method, request, metadata = new Metadata()) {
  return singleResponse((callback) => client[method](request, metadata, callback));
}

async function emptyUnary(client) {
  const { response, outcome } = await unary(client, 'EmptyCall', {});
  await outcome.endsWith(status.OK);
  assert.deepEqual(response, {});
}

async function largeUnary(client) {
  const request = { response_size: LARGE_RESPONSE, payload: zeros(LARGE_REQUEST) };
  const { response, outcome } = await unary(client, 'UnaryCall', request);
  await outcome.endsWith(status.OK);
  assertZeros(response, LARGE_RESPONSE);
}

async function clientStreaming(client) {
  const { response, outcome } = await singleResponse((callback) => {
    const call = client.StreamingInputCall(callback);
    REQUEST_SIZES.forEach((size) => call.write({ payload: zeros(size) }));
    call.end();
    return call;
  });
  await outcome.endsWith(status.OK);
  assert.equal(response.aggregated_payload_size, 74922);
}

async function serverStreaming(client) {
  const parameters = RESPONSE_SIZES.map((size) => ({ size }));
  const outcome = new Outcome(client.StreamingOutputCall({ response_parameters: parameters }));
  await outcome.endsWith(status.OK);
  assert.equal(outcome.messages.length, RESPONSE_SIZES.length);
  RESPONSE_SIZES.forEach((size, place) => assertZeros(outcome.messages[place], size));
}

async function pingPong(client) {
  const call = client.FullDuplexCall();
  const outcome = new Outcome(call);
  for (const [place, size] of RESPONSE_SIZES.entries()) {
    call.write({ response_parameters: [{ size }], payload: zeros(REQUEST_SIZES[place]) });
    assertZeros(await outcome.message(place), size);
  }
  call.end();
  await outcome.endsWith(status.OK);
  assert.equal(outcome.messages.length, RESPONSE_SIZES.length);
}

async function emptyStream(client) {
  const call = client.FullDuplexCall();
  const outcome = new Outcome(call);
  call.end();
  await outcome.endsWith(status.OK);
  assert.equal(outcome.messages.length, 0);
}

async function cancelAfterBegin(client) {
  const { outcome } = await singleResponse((callback) => {
    const call = client.StreamingInputCall(callback);
    call.cancel();
    return call;
  });
  await outcome.endsWith(status.CANCELLED);
}

async function cancelAfterFirstResponse(client) {
  const call = client.FullDuplexCall();
  const outcome = new Outcome(call);
  call.write({ response_parameters: [{ size: RESPONSE_SIZES[0] }], payload: zeros(REQUEST_SIZES[0]) });
  assertZeros(await outcome.message(0), RESPONSE_SIZES[0]);
  call.cancel();
  await outcome.endsWith(status.CANCELLED);
}

async function timeoutOnSleepingServer(client) {
  const call = client.FullDuplexCall(new Metadata(), { deadline: Date.now() + 1 });
  const outcome = new Outcome(call);
  call.write({ payload: zeros(REQUEST_SIZES[0]) });
  await outcome.endsWith(status.DEADLINE_EXCEEDED);
}

async function customMetadata(client) {
  const initial = 'test_initial_metadata_value';
  const trailing = Buffer.from([0xab, 0xab, 0xab]);
  const metadata = new Metadata();
  metadata.set(ECHO_INITIAL, initial);
  metadata.set(ECHO_TRAILING, trailing);
  const assertEchoed = async (outcome) => {
    const final = await outcome.endsWith(status.OK);
    assert.deepEqual(outcome.initial.get(ECHO_INITIAL), [initial]);
    assert.deepEqual(final.metadata.get(ECHO_TRAILING), [trailing]);
  };

  const request = { response_size: LARGE_RESPONSE, payload: zeros(LARGE_REQUEST) };
  const { response, outcome } = await unary(client, 'UnaryCall', request, metadata);
  assertZeros(response, LARGE_RESPONSE);
  await assertEchoed(outcome);

  const call = client.FullDuplexCall(metadata);
  const duplex = new Outcome(call);
  call.write({ response_parameters: [{ size: LARGE_RESPONSE }], payload: zeros(LARGE_REQUEST) });
  call.end();
  assertZeros(await duplex.message(0), LARGE_RESPONSE);
  await assertEchoed(duplex);
}

async function statusCodeAndMessage(client) {
  const message = 'test status message';
  const request = { response_status: { code: status.UNKNOWN, message } };
  const { outcome } = await unary(client, 'UnaryCall', request);
  await outcome.endsWith(status.UNKNOWN, message);

  const call = client.FullDuplexCall();
  const duplex = new Outcome(call);
  call.write(request);
  call.end();
  await duplex.endsWith(status.UNKNOWN, message);
}

async function specialStatusMessage(client) {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  const { outcome } = await unary(client, 'UnaryCall', { response_status: { code: status.UNKNOWN, message } });
  await outcome.endsWith(status.UNKNOWN, message);
}

async function unimplemented(client) {
  const { outcome } = await unary(client, 'UnimplementedCall', {});
  await outcome.endsWith(status.UNIMPLEMENTED);
}

module.exports = {
  empty_unary: emptyUnary,
  large_unary: largeUnary,
  client_streaming: clientStreaming,
  server_streaming: serverStreaming,
  ping_pong: pingPong,
  empty_stream: emptyStream,
  cancel_after_begin: cancelAfterBegin,
  cancel_after_first_response: cancelAfterFirstResponse,
  timeout_on_sleeping_server: timeoutOnSleepingServer,
  custom_metadata: customMetadata,
  status_code_and_message: statusCodeAndMessage,
  special_status_message: specialStatusMessage,
  unimplemented_service: unimplemented,
  unimplemented_method: unimplemented,
};
