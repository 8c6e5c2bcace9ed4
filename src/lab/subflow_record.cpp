// SPDX-License-Identifier: MIT
#include "lab/subflow_record.hpp"

namespace anabranch::lab {

void SubflowRecord::update(const std::vector<kernel::SubflowInfo>& seen) {
  for (const auto& subflow : seen) {
    const Key key{subflow.local, subflow.local_port, subflow.remote, subflow.remote_port};
    const auto [found, is_new] = index_.try_emplace(key, entries_.size());
    if (is_new)
      entries_.push_back({.sample = {.local = subflow.local,
                                     .local_port = subflow.local_port,
                                     .remote = subflow.remote,
                                     .remote_port = subflow.remote_port}});
    Entry& entry = entries_[found->second];
    const std::uint64_t octets =
        direction_ == Direction::kReceived ? subflow.octets_received : subflow.octets_acknowledged;
    if (octets < entry.last) entry.before += entry.last;
    entry.last = octets;
    entry.sample.octets = entry.before + octets;
    entry.sample.rtt_ms = static_cast<double>(subflow.rtt.count()) / 1e3;
  }
}

std::vector<SubflowSample> SubflowRecord::samples() const {
  std::vector<SubflowSample> out;
  out.reserve(entries_.size());
  for (const auto& entry : entries_) out.push_back(entry.sample);
  return out;
}

}  // namespace anabranch::lab
