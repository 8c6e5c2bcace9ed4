// SPDX-License-Identifier: MIT
// The part of a CPE that lives on one worker thread: its transparent listening sockets, connections
// that are being set up, the relays of those that are.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/client_table.hpp"
#include "proxy/converter_pool.hpp"
#include "proxy/cpe_settings.hpp"
#include "proxy/door.hpp"
#include "proxy/local_request.hpp"
#include "proxy/memory_watch.hpp"
#include "proxy/mptcp_servers.hpp"
#include "proxy/uplink_addresses.hpp"
#include "relay/relay.hpp"

namespace anabranch::proxy {

class CpeSession;
class ConverterInquiry;

struct CpeCounts {
  std::uint64_t accepted = 0;   ///< connections of hosts
  std::uint64_t syn_data = 0;   ///< converter connections whose SYN carried the destination
  std::uint64_t fell_back = 0;  ///< converter connections that are plain TCP
  std::uint64_t starved = 0;
  std::uint64_t setting_up = 0;  ///< now
  /// What became of connections: "converted", "refused", "unreachable", "direct", ...
  std::map<std::string, std::uint64_t> outcomes;
  /// Why connections that were taken went to their destination directly.
  std::map<std::string, std::uint64_t> direct;
  /// SYNs that went over several uplinks: answered first over which.
  std::map<std::string, std::uint64_t> first_answers;
  /// Connections asked for at local doors that a rule decided on, by its name.
  std::map<std::string, std::uint64_t> rules;
  relay::RelayCounts relays;

  CpeCounts& operator+=(const CpeCounts& other);
};

/// What all worker threads of a CPE share; safe from any thread.
struct CpeShared {
  ConverterPool& pool;
  MptcpServers& mptcp_servers;
  /// Incoming connections (the side of a converter that asks a CPE): these are limits of remote
  /// hosts, who connects is what the CPE is told, and nothing goes direct. Null: outgoing ones.
  ClientTable* remote_hosts = nullptr;
  ClientTable* hosts = nullptr;    ///< limits of outgoing ones; null: none
  MemoryBudget* memory = nullptr;  ///< of both; null: no limit
};

class CpePlane final {
 public:
  using Settings = std::shared_ptr<const CpeSettings>;

  /// `asks`: this thread asks converters that were unreachable.
  CpePlane(relay::Reactor& reactor, Settings settings, const CpeShared& shared, bool asks);
  ~CpePlane();
  CpePlane(const CpePlane&) = delete;
  CpePlane& operator=(const CpePlane&) = delete;

  void set(Settings settings);
  /// A client of a local door has asked for a connection.
  void serve(LocalRequest request);
  CpeCounts counts() const;

  // For the sessions.
  relay::Reactor& reactor;
  relay::Relays relays;
  Settings settings;
  ConverterPool& pool;
  MptcpServers& mptcp_servers;
  ClientTable* const remote_hosts;
  const int receive_buffer = kernel::largest_receive_buffer();
  UplinkAddresses uplinks;
  bool incoming() const { return remote_hosts != nullptr; }
  std::uint64_t running() const { return sessions_.size() + relays.counts().running; }
  CpeCounts tally;
  std::uint32_t draw() { return spread_(random_); }
  void remove(CpeSession& session);
  void remove(ConverterInquiry& inquiry);

  Doors doors;

 private:
  struct Tick final : relay::Reactor::Timer {
    explicit Tick(CpePlane& whose) : plane(whose) {}
    void expired() override { plane.ask_converters(); }
    CpePlane& plane;
  };

  void enter(kernel::Accepted accepted);
  void begin(std::unique_ptr<CpeSession> session, ClientTable::Admission admission);
  std::uint64_t waiting_octets() const;
  void ask_converters();

  std::unordered_map<CpeSession*, std::unique_ptr<CpeSession>> sessions_;
  std::unordered_map<ConverterInquiry*, std::unique_ptr<ConverterInquiry>> inquiries_;
  std::uniform_int_distribution<std::uint32_t> spread_;
  std::minstd_rand random_{std::random_device()()};
  Tick tick_{*this};
  ClientTable* const hosts_;
  MemoryWatch memory_watch_;
};

}  // namespace anabranch::proxy
