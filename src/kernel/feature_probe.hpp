// SPDX-License-Identifier: MIT
// How one probe is run, and the probes themselves. Only features.cpp uses them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "kernel/features.hpp"

namespace anabranch::kernel {

/// What a probe found. A probe's own hint wins over the table's.
struct Finding {
  FeatureState state = FeatureState::kOk;
  std::string detail;
  std::string hint = {};
};

/// kMissing for errno values that mean "not in this kernel", kRefused for all others.
Finding finding_from_errno(int error, std::string_view what);

enum class ProbeGround {
  kHere,       ///< a child process, nothing else: for what only looks but may hang
  kNamespace,  ///< a child with network and mount namespaces of its own, and a user namespace if
               ///< needed
};

inline constexpr milliseconds kProbeLimit{2000};

/// Runs `probe` in a child process and returns its finding; the child and what it started are
/// killed when it has not answered within `limit`.
Finding run_probe(ProbeGround ground, const std::function<Finding()>& probe,
                  milliseconds limit = kProbeLimit);

/// Moves the calling process into fresh network and mount namespaces, through a fresh user
/// namespace when it is not allowed otherwise. Returns the errno of the step that failed, or 0.
int enter_throwaway_namespaces();

/// The absolute path of `program` in $PATH or one of the system directories.
std::optional<std::string> find_program(std::string_view program);

struct ProgramOutput {
  int status = -1;   ///< exit status; -1 when it could not be started or was killed
  std::string text;  ///< standard output and standard error, at most 4 KiB
};

/// Runs a program without a shell and with nothing on its standard input. Call it inside
/// run_probe(), which bounds the time.
ProgramOutput run_program(const std::vector<std::string>& words);

Finding probe_mptcp();
Finding probe_path_managers();
Finding probe_mptcp_pm();
Finding probe_mptcp_diag();
Finding probe_mptcp_full_info();
Finding probe_blackhole_timeout();

Finding probe_congestion_control();
Finding probe_cubic();
Finding probe_fast_open();
Finding probe_ipv6();
Finding probe_privileges();
Finding probe_user_namespaces();

Finding probe_veth();
Finding probe_macvlan();
Finding probe_bridge();
Finding probe_packet_socket();
Finding probe_policy_routing();
Finding probe_nft_nat();
Finding probe_nft_tproxy();
Finding probe_conntrack();

Finding probe_bpf();
Finding probe_bpf_file_system();
Finding probe_subflow_limits();
Finding probe_lockdown();

Finding probe_program(std::string_view program);
Finding probe_kea();

}  // namespace anabranch::kernel
