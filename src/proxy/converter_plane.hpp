// SPDX-License-Identifier: MIT
// The part of a converter that lives on one worker thread: its listening sockets, the connections
// that are being set up, the relays of those that are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/client_table.hpp"
#include "proxy/converter_settings.hpp"
#include "proxy/door.hpp"
#include "proxy/mapping_log.hpp"
#include "proxy/memory_watch.hpp"
#include "relay/relay.hpp"
#include "signalling/convert.hpp"

namespace anabranch::proxy {

class ConverterSession;

struct ConverterCounts {
  std::uint64_t accepted = 0;                     ///< connections of clients
  std::uint64_t mptcp = 0;                        ///< of these by MPTCP
  std::uint64_t upstream_mptcp = 0;               ///< established ones whose server speaks MPTCP
  std::uint64_t errors_unsaid = 0;                ///< beyond errors_per_second: reset instead
  std::uint64_t starved = 0;                      ///< times that descriptors or memory had run out
  std::uint64_t setting_up = 0;                   ///< now
  std::map<std::string, std::uint64_t> outcomes;  ///< of set-ups, by name
  std::map<std::string, std::uint64_t> rules;     ///< connections a rule decided on, by its name
  relay::RelayCounts relays;

  ConverterCounts& operator+=(const ConverterCounts& other);
};

/// What all worker threads of a converter share; safe from any thread. Each plane has its own copy
/// of this, so that it changes between two connections.
struct ConverterShared {
  std::reference_wrapper<ClientTable> clients;
  std::shared_ptr<const signalling::ConvertCookies> cookies = nullptr;  ///< null: not required
  std::vector<std::uint8_t> supported;  ///< kinds we can place in a SYN
  MappingLog* mappings = nullptr;       ///< null: none is kept
  MemoryBudget* memory = nullptr;       ///< null: no limit
  /// Incoming connections: whoever asks, this host is connected, as if from the address that was
  /// asked for. Port 0: at the port that was asked for.
  std::optional<Endpoint> deliver_to = std::nullopt;
};

class ConverterPlane {
 public:
  using Settings = std::shared_ptr<const ConverterSettings>;

  ConverterPlane(relay::Reactor& reactor, Settings settings, ConverterShared shared);
  ~ConverterPlane();
  ConverterPlane(const ConverterPlane&) = delete;
  ConverterPlane& operator=(const ConverterPlane&) = delete;

  /// For connections from now on, and limits of running ones.
  void set(Settings settings);
  void set(ConverterShared fresh) { shared = std::move(fresh); }
  /// Connections being set up and relayed.
  std::uint64_t running() const;
  ConverterCounts counts() const;

  // For the sessions.
  relay::Reactor& reactor;
  relay::Relays relays;
  Settings settings;
  ConverterShared shared;
  ConverterCounts tally;
  void remove(ConverterSession& session);

  Doors doors;

 private:
  void enter(kernel::Accepted accepted);
  std::uint64_t waiting_octets() const;

  std::unordered_map<ConverterSession*, std::unique_ptr<ConverterSession>> sessions_;
  MemoryWatch memory_watch_;
};

relay::RelaySettings relay_settings(const ConverterLimits& limits);

}  // namespace anabranch::proxy
