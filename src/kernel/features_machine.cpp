// SPDX-License-Identifier: MIT
// Probes of what surrounds MPTCP: TCP's settings, privileges, BPF, programs.
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/feature_probe.hpp"
#include "kernel/subflow_limits.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::kernel {
namespace {

/// The overflow user: every system has this number and nothing belongs to it.
constexpr unsigned kNobody = 65534;

struct Capability {
  unsigned number;
  std::string_view name;
};
constexpr Capability kNetAdmin{12, "CAP_NET_ADMIN"};
/// What it takes to load the balancer's programs and to attach them.
constexpr std::array kForSteering{Capability{39, "CAP_BPF"}, Capability{38, "CAP_PERFMON"},
                                  kNetAdmin};
constexpr const char* kBpfDirectory = "/sys/fs/bpf";
constexpr long kBpfFileSystem = 0xcafe4a11;

bool has(const Capability& capability) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("CapEff:"))
      return (std::strtoull(line.c_str() + 7, nullptr, 16) >> capability.number & 1) != 0;
  return false;
}

std::string lacking_for_steering() {
  std::string out;
  for (const auto& capability : kForSteering)
    if (!has(capability)) out += (out.empty() ? "" : ", ") + std::string(capability.name);
  return out;
}

/// Namespaces as an ordinary user gets them, and one act in them that needs their privileges: some
/// systems allow the namespace and then take the capabilities away.
Finding make_namespaces_as_ordinary_user() {
  if (::geteuid() == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0)
      return finding_from_errno(errno, "becoming an ordinary user");
    // A change of user makes /proc/self root's, and the maps could not be written.
    ::prctl(PR_SET_DUMPABLE, 1);
  }
  if (const int error = enter_throwaway_namespaces())
    return {FeatureState::kRefused, std::string("ordinary users may not: ") + std::strerror(error)};
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return {FeatureState::kRefused,
            std::string("ordinary users get namespaces without rights in them: ") +
                std::strerror(errno)};
  return {FeatureState::kOk, "ordinary users may make user and network namespaces"};
}

std::string user_namespace_hint() {
  if (read_sysctl("kernel/unprivileged_userns_clone") == "0")
    return "sysctl -w kernel.unprivileged_userns_clone=1";
  if (read_sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "an AppArmor profile with 'userns,' for anabranch, or sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0";
  if (read_sysctl("user/max_user_namespaces") == "0")
    return "sysctl -w user.max_user_namespaces=1000";
  return "run the lab as root";
}

Finding load_trivial_program() {
  // r0 = XDP_PASS; exit
  const bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.insn_cnt = std::size(program);
  attributes.insns = reinterpret_cast<std::uintptr_t>(program);
  attributes.license = reinterpret_cast<std::uintptr_t>("Dual MIT/GPL");
  const UniqueFd loaded(
      static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes)));
  const int error = errno;
  if (loaded) return {FeatureState::kOk, "an XDP program could be loaded"};
  const auto lacking = lacking_for_steering();
  if (error == EPERM && !lacking.empty() && ::geteuid() != 0)
    return {FeatureState::kDegraded, "for root and systemd units only: no " + lacking,
            "run the role as root, or by its systemd unit"};
  if (error == EPERM && !lacking.empty())
    return {FeatureState::kRefused, "no " + lacking, "give the role these capabilities"};
  if (error == EPERM)
    return {FeatureState::kRefused, "the kernel refuses programs here",
            "outside of containers and user namespaces it may load them"};
  return finding_from_errno(error, "loading an XDP program");
}

Finding load_subflow_limits() {
  const auto loadable = SubflowLimits::loadable();
  if (loadable && cgroup_root()) return {FeatureState::kOk, "the BPF program could be loaded"};
  if (!loadable && ::geteuid() != 0)
    return {FeatureState::kRefused, "only root may load programs", "run the role as root"};
  const Error error = loadable ? cgroup_root().error() : loadable.error();
  return {FeatureState::kRefused, error.what, error.hint};
}

/// In a mount namespace of our own, where securityfs can be mounted if the system has not.
Finding read_lockdown() {
  constexpr const char* kDirectory = "/sys/kernel/security";
  const std::string path = std::string(kDirectory) + "/lockdown";
  if (::access(path.c_str(), F_OK) != 0) [[maybe_unused]]
    const int result = ::mount("none", kDirectory, "securityfs", 0, nullptr);
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    if (::access(kDirectory, R_OK) == 0 && ::geteuid() == 0 && has(kNetAdmin) && errno == ENOENT)
      return {FeatureState::kOk, "this kernel has no lockdown, or hides it"};
    return {FeatureState::kOk, "not known: securityfs cannot be read"};
  }
  const auto open = line.find('[');
  const auto close = line.find(']', open);
  if (open == line.npos || close == line.npos) return {FeatureState::kOk, line};
  const auto mode = line.substr(open + 1, close - open - 1);
  if (mode == "none") return {FeatureState::kOk, "none"};
  return {FeatureState::kDegraded,
          mode + ": BPF programs that change kernel functions are refused"};
}

Finding ask_kea_version() {
  const auto path = find_program("kea-dhcp4");
  if (!path) return {FeatureState::kMissing, "not found", "apt install kea-dhcp4-server"};
  const auto output = run_program({*path, "-v"});
  if (output.status != 0) return {FeatureState::kRefused, *path + " does not start"};
  return {FeatureState::kOk, *path + ", version " + output.text.substr(0, output.text.find('\n'))};
}

}  // namespace

Finding probe_congestion_control() {
  const auto name = read_sysctl("net/ipv4/tcp_congestion_control");
  if (!name) return {FeatureState::kDegraded, "the default cannot be read"};
  if (*name != "bbr") return {FeatureState::kOk, *name};
  const auto queue = read_sysctl("net/core/default_qdisc");
  if (queue && *queue == "fq") return {FeatureState::kOk, "bbr with fq"};
  return {FeatureState::kDegraded,
          "bbr without fq (" + queue.value_or("queue not known") +
              "): it needs the pacing of fq, and MPTCP loses most of its throughput",
          "sysctl -w net.ipv4.tcp_congestion_control=cubic, or net.core.default_qdisc=fq"};
}

Finding probe_cubic() {
  const auto available = read_sysctl("net/ipv4/tcp_available_congestion_control");
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
  if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) == 0)
    return {FeatureState::kOk, "can be chosen for a socket"};
  const int error = errno;
  if (error == EPERM && available && available->find("cubic") != available->npos)
    // Measured: a plain TCP socket of an ordinary user is refused, an MPTCP socket is not.
    return {FeatureState::kDegraded,
            "there, but ordinary users may choose it for MPTCP sockets only",
            "add cubic to net.ipv4.tcp_allowed_congestion_control"};
  return finding_from_errno(error, "choosing cubic");
}

Finding probe_fast_open() {
  const auto text = read_sysctl("net/ipv4/tcp_fastopen");
  if (!text) return {FeatureState::kMissing, "no net.ipv4.tcp_fastopen"};
  const long value = std::strtol(text->c_str(), nullptr, 0);
  const bool client = value & 1;
  const bool server = value & 2;
  if (client && server) return {FeatureState::kOk, "for clients and servers (" + *text + ")"};
  return {FeatureState::kDegraded,
          (client   ? "for clients only ("
           : server ? "for servers only ("
                    : "off (") +
              *text + ")",
          "sysctl -w net.ipv4.tcp_fastopen=3"};
}

Finding probe_ipv6() {
  const UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return finding_from_errno(errno, "IPv6 socket");
  if (read_sysctl("net/ipv6/conf/all/disable_ipv6") == "1")
    return {FeatureState::kRefused, "net.ipv6.conf.all.disable_ipv6 is 1",
            "sysctl -w net.ipv6.conf.all.disable_ipv6=0"};
  return {FeatureState::kOk, "enabled"};
}

Finding probe_privileges() {
  if (has(kNetAdmin)) return {FeatureState::kOk, "CAP_NET_ADMIN"};
  return {FeatureState::kDegraded, "an ordinary user", "run it as root, or by its systemd unit"};
}

Finding probe_user_namespaces() {
  auto finding = run_probe(ProbeGround::kHere, make_namespaces_as_ordinary_user);
  if (finding.state != FeatureState::kOk) finding.hint = user_namespace_hint();
  return finding;
}

Finding probe_bpf() {
  return run_probe(ProbeGround::kHere, load_trivial_program);
}

Finding probe_bpf_file_system() {
  struct ::statfs system {};
  if (::statfs(kBpfDirectory, &system) == 0 && system.f_type == kBpfFileSystem)
    return {FeatureState::kOk, std::string("mounted at ") + kBpfDirectory};
  return {FeatureState::kMissing, std::string("not mounted at ") + kBpfDirectory};
}

Finding probe_subflow_limits() {
  return run_probe(ProbeGround::kHere, load_subflow_limits);
}

Finding probe_lockdown() {
  return run_probe(ProbeGround::kNamespace, read_lockdown);
}

Finding probe_program(std::string_view program) {
  if (const auto path = find_program(program)) return {FeatureState::kOk, *path};
  return {FeatureState::kMissing, "not found"};
}

Finding probe_kea() {
  return run_probe(ProbeGround::kHere, ask_kea_version);
}

}  // namespace anabranch::kernel
