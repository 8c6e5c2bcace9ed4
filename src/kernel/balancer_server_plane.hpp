// SPDX-License-Identifier: MIT
// What runs in the kernel of a server behind the balancer, beside the unmodified application: a tc
// program (bpf/balancer_server.bpf.c) that takes off the outer header of what the balancer has
// encapsulated, keeps connections out of where only further subflows go, and sends segments of
// connections that are not here to the server that had their place on the ring before. As the
// balancer's own, maps are pinned and the program stays attached, whether or not a process lives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include <steering/server_entries.h>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/balancer_run.hpp"

namespace anabranch::kernel {

class BalancerServerPlane {
 public:
  struct Options {
    /// A directory on a BPF file system, made when it is not there; empty: nothing is pinned.
    /// Another one than the balancer's.
    std::filesystem::path pins;
  };

  /// Loads the program, with the maps that are pinned already. kNotPermitted where no BPF program
  /// may be loaded (CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN; never in a user namespace).
  static Result<BalancerServerPlane> open(const Options& options);
  BalancerServerPlane(BalancerServerPlane&&) noexcept;
  BalancerServerPlane& operator=(BalancerServerPlane&&) noexcept;
  ~BalancerServerPlane();

  /// Begins to look at what `ifindex` receives, or goes on with the program of this object in place
  /// of an earlier one. A program of somebody else at our place is an error and stays; so is the
  /// balancer's own on the same interface, whose packets would pass by this one. Needs pins.
  Result<void> attach(unsigned ifindex);
  /// Takes a program off `ifindex` that was attached with these pins. Having none is success.
  static Result<void> detach(unsigned ifindex, const std::filesystem::path& pins);
  /// Removes what is pinned there; a program that is attached keeps its maps. Nothing there is
  /// success.
  static Result<void> forget(const std::filesystem::path& pins);

  Result<void> set_own(const ::steer_own& own);
  /// Makes these the targets, all of them. They may be those that the balancer has: of what they
  /// say it is looked at kind, service (the number of its history), server, first_join_port and
  /// join_ports. Every address has one with port 0 (STEER_ADDRESS, STEER_SERVER_ADDRESS), or what
  /// is encapsulated for it is not taken out; join addresses of other servers are nothing here.
  using Target = std::pair<::steer_destination, ::steer_target>;
  Result<void> set_targets(std::span<const Target> targets);
  /// Makes these the addresses that may send encapsulated packets here: the balancers'
  /// encapsulation sources and the other servers.
  Result<void> set_sources(std::span<const IpAddress> sources);
  /// How another server is reached from here, STEER_NO_SERVER: not any more. `encapsulates` must be
  /// set when it or this server is not on the balancer's network; the outer source is this server.
  Result<void> set_server(std::uint32_t id, const ::steer_server& server);
  /// In one step: every packet sees the old history of a service or the new one. `places` are all
  /// STEER_RING_PLACES of its ring, in their order.
  Result<void> set_history(std::uint32_t service, std::span<const ::steer_place> places);
  /// Nothing of this service is sent on from now.
  Result<void> clear_history(std::uint32_t service);

  /// Of all processors, since the maps are there.
  Result<::steer_arrivals> counts() const;

  /// The program over one frame, with everything that it does; sockets are those of the calling
  /// thread's network namespace, and the frame is for this machine if its destination is the
  /// loopback interface's Ethernet address, which is zero.
  Result<BalancerRun> run(std::span<const std::uint8_t> frame) const;

 private:
  struct Program;
  explicit BalancerServerPlane(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace anabranch::kernel
