// SPDX-License-Identifier: MIT
// A LAN host's connection, which it takes for established, until it is relayed or over:
//
//   reaching ---> asking ---> relayed by the converter
//      |            |
//      +------------+-------> direct ---> relayed to the destination
//      |            |            |
//      +------------+------------+------> the host's connection is reset
//
// reaching: the SYN to the converter is on its way, with the destination and nothing else in it. No
// octet of the host goes before the converter has answered the SYN, so that none is delivered twice
// when the converter's answer is lost and the connection goes direct (RFC 7413 section 6.1). With
// several SYNs at once (SynRace) the destination follows the first answer.
// asking: the host's octets follow the destination and are kept, until the converter has said what
// became of the connection: when it was not tried, they go direct.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "kernel/stream_socket.hpp"
#include "proxy/client_table.hpp"
#include "proxy/converter_pool.hpp"
#include "proxy/local_request.hpp"
#include "proxy/syn_race.hpp"
#include "proxy/watching.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

class CpePlane;

class CpeSession {
 public:
  CpeSession(CpePlane& plane, kernel::Accepted accepted, ClientTable::Ticket ticket);
  CpeSession(CpePlane& plane, LocalRequest request);
  ~CpeSession();
  CpeSession(const CpeSession&) = delete;
  CpeSession& operator=(const CpeSession&) = delete;

  /// May destroy the session, as every function below. Beyond a limit it goes direct, and its host
  /// is left alone for a while.
  void begin(ClientTable::Admission admission = ClientTable::Admission::kYes);
  /// Octets of the host that are kept.
  std::size_t held() const { return out_.capacity() + heard_.capacity(); }

 private:
  enum class Phase : std::uint8_t { kReaching, kAsking, kDirect };

  void host_ready(std::uint32_t events);
  void far_ready(std::uint32_t events);
  void too_late();

  /// Towards destination_, whichever way it goes.
  void attempt();
  void choose();
  void reach();
  /// The words for the converter, and what the host has sent so far.
  void compose();
  /// False: not one SYN could be sent over an uplink of its own.
  bool race(const std::vector<UplinkAddress>& uplinks);
  void raced(SynRace::End end);
  void reached();
  /// Takes octets of the host while the converter is asked. False: the session is gone.
  bool take_early();
  void pass_on();
  void hear();
  void accepted(const signalling::Accepted& answer);
  void failed(const signalling::Failed& answer);
  /// With what the answer has told, if that can help.
  bool may_ask_again(const signalling::Failed& answer);
  void converter_refuses(int error);
  void go_direct(std::string_view why, kernel::Transport transport = kernel::Transport::kTcp);
  void direct_ready(std::uint32_t events);
  void direct_fails(int error);
  /// How long the destination may take to answer.
  std::chrono::milliseconds patience() const;
  void relay_on(signalling::Octets to_host, signalling::Octets to_far, bool mptcp);
  void drop_far();
  /// The destination does not serve the host. Another address of it is tried where there is one;
  /// else the host's connection is reset, and further ones to this destination are left alone for a
  /// while.
  void refuse(std::string_view name, const signalling::Outcome& outcome);
  bool try_next_destination();
  /// Resets the host's connection, or tells `outcome` to a host that has asked in words.
  void end(std::string_view name,
           const signalling::Outcome& outcome = {.verdict = signalling::Verdict::kNetworkFailure});

  CpePlane& plane_;
  ClientTable::Ticket ticket_;
  UniqueFd host_;
  UniqueFd far_;  ///< the converter, or the destination
  Endpoint peer_;
  Endpoint destination_;          ///< what the other side is told: of incoming ones, who connects
  std::unique_ptr<Asker> asker_;  ///< null: the host's connection was taken
  std::vector<Destination> asked_for_;  ///< by the host's words
  std::size_t attempt_ = 0;             ///< number of destination_ in them
  Phase phase_ = Phase::kReaching;
  unsigned asked_again_ = 0;
  bool bypass_ = false;  ///< direct by MPTCP
  bool syn_data_ = false;
  bool host_done_ = false;
  ConverterPool::Choice choice_;
  std::unique_ptr<SynRace> race_;  ///< while reaching, if the SYN goes over several uplinks
  std::unique_ptr<signalling::Initiator> initiator_;
  signalling::Octets out_;  ///< what the converter gets: the opening, then the host's octets
  std::size_t opening_ = 0;
  std::size_t sent_ = 0;
  signalling::Octets heard_;
  WatchedSide<CpeSession, &CpeSession::host_ready> host_side_{*this};
  WatchedSide<CpeSession, &CpeSession::far_ready> far_side_{*this};
  Alarm<CpeSession, &CpeSession::too_late> deadline_{*this};
};

}  // namespace anabranch::proxy
