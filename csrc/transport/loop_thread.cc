#include "transport/loop_thread.h"

#include <pthread.h>

#include <system_error>

#include "base/text.h"
#include "net/task.h"

namespace pyserver {
void CallCount::end() {
  if (count_.fetch_sub(1, std::memory_order_acq_rel) != 1 || !awaited_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  none_.notify_all();
}

bool CallCount::wait_for_none(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  awaited_.store(true, std::memory_order_seq_cst);
  return none_.wait_for(lock, patience, [this] { return count_.load(std::memory_order_seq_cst) == 0; });
}

// Destroys removed connections at the end of the turn: whatever was using them is off the stack then.
class LoopThread::Reaper final : public EventLoop::Deferred {
 public:
  explicit Reaper(LoopThread& thread) : thread_(thread) {}
  void on_end_of_turn() override { thread_.removed_.clear(); }

 private:
  LoopThread& thread_;
};

LoopThread::LoopThread(const ServerScope& scope, std::unique_ptr<EventLoop> loop)
    : scope_(scope),
      way_back_(std::make_shared<WayBack>(std::move(loop), scope.request_log)),
      read_buffer_(std::make_unique_for_overwrite<std::byte[]>(kReadBufferBytes)),
      reaper_(std::make_unique<Reaper>(*this)) {}

LoopThread::~LoopThread() = default;

Result<std::unique_ptr<LoopThread>> LoopThread::create(const ServerScope& scope) {
  Result<std::unique_ptr<EventLoop>> loop = EventLoop::create(scope.clock);
  if (!loop.ok()) return std::move(loop).status();
  return std::unique_ptr<LoopThread>(new LoopThread(scope, *std::move(loop)));
}

Status LoopThread::start(int number) {
  try {
    thread_ = std::thread([this] { loop().run(); });
  } catch (const std::system_error& error) {
    return resource_exhausted(concat("no thread for event loop ", number, ": ", error.what()));
  }
  ::pthread_setname_np(thread_.native_handle(), concat("pyserver-io-", number).c_str());
  return {};
}

void LoopThread::take(Socket socket, std::string peer, std::shared_ptr<TlsContext> tls) {
  loop().post(make_task([this, socket = std::move(socket), peer = std::move(peer), tls = std::move(tls)]() mutable {
    add(std::move(socket), std::move(peer), tls);
  }));
}

void LoopThread::add(Socket socket, std::string peer, const std::shared_ptr<TlsContext>& tls) {
  std::unique_ptr<ByteStream> stream = tls != nullptr ? tls->accept(std::move(socket), std::move(peer))
                                                      : make_plain_stream(std::move(socket), std::move(peer));
  auto* const connection = new Connection(*this, std::move(stream));
  connection->next_ = connections_;
  if (connections_ != nullptr) connections_->previous_ = connection;
  connections_ = connection;
  connection->start();
  if (scope_.draining.load(std::memory_order_relaxed)) connection->drain();
}

void LoopThread::remove(Connection& connection) {
  (connection.previous_ == nullptr ? connections_ : connection.previous_->next_) = connection.next_;
  if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
  scope_.connections.fetch_sub(1, std::memory_order_relaxed);
  removed_.emplace_back(&connection);
  loop().defer(*reaper_);
}

void LoopThread::drain() {
  loop().post(make_task([this] {
    for (Connection* connection = connections_; connection != nullptr;) {
      Connection* const next = connection->next_;
      connection->drain();
      connection = next;
    }
  }));
}

void LoopThread::stop(const Status& status) {
  if (!thread_.joinable()) return;
  loop().post(make_task([this, status] {
    while (connections_ != nullptr) connections_->stop(status);
  }));
  loop().stop();
  thread_.join();
  removed_.clear();
}

}  // namespace pyserver
