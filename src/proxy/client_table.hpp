// SPDX-License-Identifier: MIT
// What each client of a converter, or host of a CPE, has open, and how often it was told an error:
// the limits that keep one client from taking everything. One table for all worker threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/ip.hpp"
#include "proxy/client_limits.hpp"
#include "proxy/memory_budget.hpp"

namespace anabranch::proxy {

class ClientTable {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `memory` may be null; several tables may share it.
  explicit ClientTable(const ClientLimits& limits, MemoryBudget* memory = nullptr)
      : limits_(limits), memory_(memory) {}
  ClientTable(const ClientTable&) = delete;
  ClientTable& operator=(const ClientTable&) = delete;

  /// A connection that counts, for as long as this lives.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(ClientTable& table, const IpPrefix& client) : table_(&table), client_(client) {}
    Ticket(Ticket&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), client_(other.client_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(client_, other.client_);
      return *this;
    }
    ~Ticket() {
      if (table_ != nullptr) table_->leave(client_);
    }

   private:
    ClientTable* table_ = nullptr;
    IpPrefix client_;
  };

  enum class Admission : std::uint8_t { kYes, kTotalReached, kClientReached, kMemoryReached };
  struct Admitted {
    Admission admission = Admission::kYes;
    /// Beyond the limit by more than an eighth, of memory by as much again: not even what costs
    /// less can be done for it.
    bool far_beyond = false;
    Ticket ticket;  ///< counts in any case
  };
  Admitted admit(const IpAddress& client);

  /// Takes one of the errors that `client` may be told in this second; false: none is left.
  bool may_tell_error(const IpAddress& client, Time now);

  void set(const ClientLimits& limits);
  std::uint64_t connections() const;
  std::uint64_t clients() const;

 private:
  struct Entry {
    std::uint64_t connections = 0;
    std::uint32_t errors = 0;  ///< in the second that began at `second`
    Time second{};
  };

  void leave(const IpPrefix& client);
  void sweep(Time now);

  mutable std::mutex mutex_;
  ClientLimits limits_;
  MemoryBudget* const memory_;
  std::uint64_t connections_ = 0;
  std::map<IpPrefix, Entry> entries_;
  Time swept_{};
};

/// Of a limit that is reached, for counters: "total", "per-client", "memory".
std::string_view limit_name(ClientTable::Admission admission);

}  // namespace anabranch::proxy
