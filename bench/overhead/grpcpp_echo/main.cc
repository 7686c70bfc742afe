// grpcpp_echo: what gRPC's own C++ library costs when the server does nothing at all.
//
// A generic asynchronous server: every unary method answers with the bytes of its request, which are never copied,
// parsed or queued for anything. Each completion queue has threads of its own and always several calls posted, so that
// an arriving request finds a place at once.
//
//   grpcpp_echo [--address HOST:PORT|unix:PATH] [--queues N] [--threads-per-queue N] [--posted-calls N]
//
// Prints "ready grpc=ADDRESS" when it serves, as pyserver does. SIGTERM and SIGINT end it.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <sched.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

// One unary call, from being posted to its last event; owns itself. One event is underway at any time, so that no two
// threads of the queue touch it at once.
class Call {
 public:
  static void post(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) {
    auto* call = new Call(service, queue);
    service.RequestCall(&call->context_, &call->stream_, &queue, &queue, call);
  }

  // The event that was underway has ended; `ok` is the queue's.
  void advance(bool ok) {
    switch (state_) {
      case State::kPosted:
        if (!ok) break;  // the server is shutting down
        post(service_, queue_);
        state_ = State::kReading;
        stream_.Read(&message_, this);
        return;
      case State::kReading:
        state_ = State::kAnswering;
        if (ok) {
          stream_.WriteAndFinish(message_, grpc::WriteOptions(), grpc::Status::OK, this);
        } else {
          stream_.Finish(grpc::Status(grpc::StatusCode::INTERNAL, "expected one message"), this);
        }
        return;
      case State::kAnswering: break;
    }
    delete this;
  }

 private:
  enum class State { kPosted, kReading, kAnswering };

  Call(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) : service_(service), queue_(queue) {}

  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer message_;
  State state_ = State::kPosted;
};

void serve(grpc::ServerCompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Call*>(tag)->advance(ok);
}

int usable_cores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

std::map<std::string, std::string> read_options(int count, char** words) {
  std::map<std::string, std::string> options = {{"--address", "127.0.0.1:0"},
                                                {"--queues", std::to_string(usable_cores())},
                                                {"--threads-per-queue", "1"},
                                                {"--posted-calls", "64"}};
  for (int index = 1; index < count; index += 2) {
    const auto option = options.find(words[index]);
    if (option == options.end() || index + 1 == count) {
      std::fprintf(stderr, "grpcpp_echo: what is %s? See the top of main.cc.\n", words[index]);
      std::exit(2);
    }
    option->second = words[index + 1];
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  auto options = read_options(argc, argv);
  // Before any thread starts, so that all of them leave these signals to sigwait() below.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  std::string address = options["--address"];
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&service);
  builder.SetMaxReceiveMessageSize(-1);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (int index = std::stoi(options["--queues"]); index > 0; --index) queues.push_back(builder.AddCompletionQueue());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "grpcpp_echo: cannot listen on %s\n", address.c_str());
    return 1;
  }

  std::vector<std::thread> threads;
  for (const auto& queue : queues) {
    for (int index = std::stoi(options["--posted-calls"]); index > 0; --index) Call::post(service, *queue);
    for (int index = std::stoi(options["--threads-per-queue"]); index > 0; --index) {
      threads.emplace_back([&queue] { serve(*queue); });
    }
  }
  if (!address.starts_with("unix:")) address = address.substr(0, address.rfind(':') + 1) + std::to_string(port);
  std::printf("ready grpc=%s\n", address.c_str());
  std::fflush(stdout);

  int received = 0;
  sigwait(&ends, &received);
  server->Shutdown(std::chrono::system_clock::now());
  for (const auto& queue : queues) queue->Shutdown();
  for (std::thread& thread : threads) thread.join();
  return 0;
}
