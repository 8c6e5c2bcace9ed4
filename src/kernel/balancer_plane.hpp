// SPDX-License-Identifier: MIT
// The balancer's data plane in the kernel: BPF programs for XDP and tc, and the maps that tell them
// where packets go (bpf/steering). Maps are pinned and programs stay attached, so that packets are
// steered whether or not a process of ours lives, and the next one finds what the last has left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <steering/entries.h>

#include "base/result.hpp"
#include "kernel/balancer_hook.hpp"
#include "kernel/balancer_run.hpp"

namespace anabranch::kernel {

class BalancerPlane {
 public:
  struct Options {
    /// A directory on a BPF file system, made when it is not there; empty: nothing is pinned.
    std::filesystem::path pins;
    /// How many the table of connections holds. Of a pinned table with another size everything is
    /// forgotten.
    std::uint32_t connections = STEER_MOST_CONNECTIONS;
    /// How many tokens are remembered; the same holds.
    std::uint32_t tokens = STEER_MOST_TOKENS;
  };

  /// Loads the programs, with the maps that are pinned already where they fit. kNotPermitted where
  /// no BPF program may be loaded (CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN; never in a user namespace).
  static Result<BalancerPlane> open(const Options& options);
  BalancerPlane(BalancerPlane&&) noexcept;
  BalancerPlane& operator=(BalancerPlane&&) noexcept;
  ~BalancerPlane();

  /// Begins to steer what `ifindex` receives, or goes on with the programs of this object in place
  /// of those of an earlier one: no packet passes between them unseen. A program of somebody else
  /// is an error and stays.
  Result<void> attach(unsigned ifindex, BalancerHook hook);
  /// Takes programs off `ifindex` that were attached with these pins. Having none is success.
  static Result<void> detach(unsigned ifindex, const std::filesystem::path& pins);

  /// Removes what is pinned there; programs that are attached keep their maps. Nothing there is
  /// success.
  static Result<void> forget(const std::filesystem::path& pins);

  Result<void> set_server(std::uint32_t id, const ::steer_server& server);
  /// In one step: every packet sees the old ring or the new one.
  Result<void> set_ring(std::uint32_t service, const ::steer_ring& ring);
  Result<void> set_limits(const ::steer_limits& limits);
  Result<void> set_target(const ::steer_destination& destination, const ::steer_target& target);
  Result<void> remove_target(const ::steer_destination& destination);
  using Target = std::pair<::steer_destination, ::steer_target>;
  Result<std::vector<Target>> targets() const;

  /// Further subflows with these tokens (host order) go to `server` from now on, whatever was
  /// learned or told before. Thousands at once cost a few calls.
  Result<void> set_tokens(std::uint16_t server, std::span<const std::uint32_t> tokens);
  /// Those of them that lead to `server`; the others are left as they are.
  Result<void> remove_tokens(std::uint16_t server, std::span<const std::uint32_t> tokens);

  /// Of all processors.
  Result<::steer_counts> counts(std::uint32_t service) const;
  Result<void> clear_counts(std::uint32_t service);
  Result<::steer_traffic> traffic(std::uint32_t server) const;

  /// What would become of a frame. Nothing is counted or learned.
  Result<::steer_explanation> explain(std::span<const std::uint8_t> frame) const;
  /// By that hook's program, with everything that it does.
  Result<BalancerRun> run(BalancerHook hook, std::span<const std::uint8_t> frame) const;
  /// That program's file descriptor, for those who run it in another way; ours, and open as long as
  /// this object.
  int program(BalancerHook hook) const;

 private:
  struct Programs;
  explicit BalancerPlane(std::unique_ptr<Programs> programs);
  std::unique_ptr<Programs> programs_;
};

/// The same as BalancerPlane::explain by the data plane pinned at `pins`, whichever process has
/// loaded it. kNotRunning when there is none.
Result<::steer_explanation> explain_by_pinned(const std::filesystem::path& pins,
                                              std::span<const std::uint8_t> frame);

}  // namespace anabranch::kernel
