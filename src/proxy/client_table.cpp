// SPDX-License-Identifier: MIT
#include "proxy/client_table.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::chrono::seconds kSecond{1};

/// One IPv4 address, or the 64 bits of a link: a host has all the others of it for the asking.
IpPrefix key_of(const IpAddress& client) {
  const auto bare = client.unmapped();
  return bare.is_v4() ? IpPrefix::host(bare) : IpPrefix(bare, 64).without_host_bits();
}

}  // namespace

ClientTable::Admitted ClientTable::admit(const IpAddress& client) {
  const auto key = key_of(client);
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[key];
  ++connections_;
  ++entry.connections;
  auto admission = Admission::kYes;
  if (connections_ > limits_.total)
    admission = Admission::kTotalReached;
  else if (entry.connections > limits_.per_client)
    admission = Admission::kClientReached;
  return {admission, Ticket(*this, key)};
}

bool ClientTable::may_tell_error(const IpAddress& client, Time now) {
  const std::lock_guard lock(mutex_);
  sweep(now);
  auto& entry = entries_[key_of(client)];
  if (now - entry.second >= kSecond) {
    entry.second = now;
    entry.errors = 0;
  }
  return ++entry.errors <= limits_.errors_per_second;
}

void ClientTable::set(const ConverterLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

std::uint64_t ClientTable::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

std::uint64_t ClientTable::clients() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void ClientTable::leave(const IpPrefix& client) {
  const std::lock_guard lock(mutex_);
  --connections_;
  const auto found = entries_.find(client);
  if (found == entries_.end()) return;
  auto& entry = found->second;
  // Who was told errors is remembered until their second is over (sweep).
  if (--entry.connections == 0 && entry.errors == 0) entries_.erase(found);
}

void ClientTable::sweep(Time now) {
  if (now - swept_ < kSecond) return;
  swept_ = now;
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    return entry.connections == 0 && now - entry.second >= kSecond;
  });
}

}  // namespace anabranch::proxy
