// SPDX-License-Identifier: MIT
// The state of a running path manager. paths.cpp has its beginning, its end and what it answers;
// paths_observe.cpp makes inputs of what the machine tells, paths_apply.cpp carries out what the
// Decider wants.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "kernel/mptcp_commands.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/neighbours.hpp"
#include "kernel/socket_diag.hpp"
#include "paths/adoption.hpp"
#include "paths/decider.hpp"
#include "paths/first_route.hpp"
#include "paths/kernel_fallback.hpp"
#include "paths/limiter.hpp"
#include "paths/listeners.hpp"
#include "paths/metrics.hpp"
#include "paths/path_source.hpp"
#include "paths/paths.hpp"
#include "paths/recording.hpp"
#include "paths/sampler.hpp"
#include "paths/unanswered_joins.hpp"
#include "probe/path_prober.hpp"
#include "status/metrics.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::paths {

class Role {
 public:
  Role(const RunOptions& options, const Settings& settings)
      : options_(options),
        settings_(settings),
        settings_file_(options.file.found()),
        decider_(settings) {}

  Result<void> run();

 private:
  // paths.cpp
  Result<void> open();
  Result<void> open_kernel();
  Result<void> open_prober();
  Result<void> serve_metrics();
  Result<std::string> answer(const status::Request& request);
  Result<void> reload();
  void tell_limits();

  // paths_observe.cpp
  void feed(Input input);
  void work();
  void tell(const Input& input, const std::vector<Action>& actions);
  void tick();
  void read_events();
  void read_again();
  Result<void> adopt_running();
  void tell_owner(Token token);
  void sample();
  void read_counters();
  void tell_state();
  void arm();

  // paths_apply.cpp
  void carry_out(const Action& action);
  Result<void> apply(const action::CreateSubflow& what);
  Result<void> apply(const action::DestroySubflow& what);
  Result<void> apply(const action::ResetSubflow& what);
  Result<void> apply(const action::AbandonJoin& what);
  Result<void> apply(const action::RemoveAddress& what);
  Result<void> apply(const action::SetBackup& what);
  Result<void> apply(const action::Announce& what);
  Result<void> apply(const action::AskListening& what);
  Result<void> apply(const action::OpenListener& what);
  Result<void> apply(const action::CloseListener& what);
  Result<void> apply(const action::Probe& what);
  Result<void> apply(const action::Measure& what);
  Result<void> apply(const action::PreferPath& what);
  Result<void> apply(const action::LimitSubflows& what);
  Result<void> apply(const action::Note& what);

  RunOptions options_;
  Settings settings_;
  std::filesystem::path settings_file_;  ///< they are from; empty: the defaults
  Loop loop_;
  status::ServiceManager service_{loop_};
  Decider decider_;
  std::optional<Recorder> recorder_;
  std::optional<kernel::MptcpEventMonitor> events_;
  std::optional<kernel::MptcpCommands> commands_;
  std::optional<kernel::SocketDiag> diag_;
  std::optional<Sampler> sampler_;
  std::optional<UnansweredJoins> unanswered_;
  std::optional<probe::PathProber> prober_;
  std::optional<kernel::Neighbours> neighbours_;
  std::optional<PathSource> source_;
  std::optional<FirstRoute> route_;
  std::optional<KernelFallback> fallback_;
  std::optional<Listeners> listeners_;
  std::optional<Limiter> limiter_;
  std::optional<status::Server> server_;
  std::optional<status::MetricsServer> metrics_;
  std::optional<AdoptionFile> adoption_;
  RememberedConnections remembered_;  ///< what an earlier daemon left
  std::deque<Input> inbox_;           ///< what came up while an input was dealt with
  bool feeding_ = false;
  Counts counts_;

  Loop::Handle events_watch_;
  Loop::Handle sample_timer_;
  Loop::Handle next_turn_;
  Loop::Handle tick_timer_;
  Loop::Handle counter_timer_;
  Loop::Handle state_timer_;
};

}  // namespace anabranch::paths
