// LedgerSums: what pyserver's answers told of where the server's time went, summed over answers. A value.
#pragma once

#include <cstdint>

#include "codec/wire_format.h"

namespace pyserver::loadgen {

struct LedgerSums {
  Ledger us;  // its batch_size is not used
  std::uint64_t count = 0;
  std::uint64_t batch_rows = 0;

  void add(const Ledger& one) noexcept {
    add_times(one);
    ++count;
    batch_rows += one.batch_size;
  }
  void add(const LedgerSums& other) noexcept {
    add_times(other.us);
    count += other.count;
    batch_rows += other.batch_rows;
  }

 private:
  void add_times(const Ledger& other) noexcept {
    us.receive_us += other.receive_us;
    us.decode_us += other.decode_us;
    us.queue_us += other.queue_us;
    us.batch_us += other.batch_us;
    us.preprocess_us += other.preprocess_us;
    us.execute_us += other.execute_us;
    us.postprocess_us += other.postprocess_us;
    us.encode_us += other.encode_us;
  }
};

}  // namespace pyserver::loadgen
