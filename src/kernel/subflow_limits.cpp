// SPDX-License-Identifier: MIT
#include "kernel/subflow_limits.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <subflow_limits.h>
#include <subflow_limits.skel.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/bpf_log.hpp"
#include "kernel/cgroup.hpp"

namespace anabranch::kernel {
namespace {

/// Since Linux 5.14; not in the headers of every distribution.
constexpr int kSoNetnsCookie = 71;

struct Unload {
  void operator()(::subflow_limits* program) const { ::subflow_limits__destroy(program); }
};
struct Detach {
  void operator()(::bpf_link* link) const { ::bpf_link__destroy(link); }
};
using Loaded = std::unique_ptr<::subflow_limits, Unload>;

std::unexpected<Error> refused(int error) {
  return bpf_refused(error, "program that limits subflows",
                     "CONFIG_CGROUP_BPF, CONFIG_DEBUG_INFO_BTF and CONFIG_MPTCP, 5.19 or later");
}

Result<Loaded> load() {
  log_bpf_words();
  Loaded out(::subflow_limits__open());
  if (!out) return refused(errno);
  if (const int result = ::subflow_limits__load(out.get()); result != 0) return refused(-result);
  return out;
}

Result<std::uint64_t> network_namespace_cookie() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t out = 0;
  socklen_t length = sizeof out;
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, kSoNetnsCookie, &out, &length) != 0)
    return fail_errno("cannot tell the network namespaces apart");
  return out;
}

}  // namespace

class SubflowLimits::Program {
 public:
  Program(Loaded loaded, std::unique_ptr<::bpf_link, Detach> link, std::uint64_t cookie)
      : loaded_(std::move(loaded)), link_(std::move(link)), cookie_(cookie) {}

  ::bpf_map* limits() const { return loaded_->maps.limits; }
  ::subflow_limit_key key(const IpAddress& local) const {
    ::subflow_limit_key out{};
    out.network_namespace = cookie_;
    auto* octets = reinterpret_cast<std::uint8_t*>(out.address);
    if (local.is_v4()) {
      octets[10] = octets[11] = 0xff;
      octets += 12;
    }
    std::ranges::copy(local.octets(), octets);
    return out;
  }

 private:
  Loaded loaded_;
  std::unique_ptr<::bpf_link, Detach> link_;
  std::uint64_t cookie_;
};

SubflowLimits::SubflowLimits(std::unique_ptr<Program> program) : program_(std::move(program)) {}
SubflowLimits::SubflowLimits(SubflowLimits&&) noexcept = default;
SubflowLimits& SubflowLimits::operator=(SubflowLimits&&) noexcept = default;
SubflowLimits::~SubflowLimits() = default;

Result<SubflowLimits> SubflowLimits::open(const std::string& cgroup) {
  std::string path = cgroup;
  if (path.empty()) {
    auto root = cgroup_root();
    if (!root) return std::unexpected(root.error());
    path = std::move(*root);
  }
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno("cannot open the cgroup", path);
  const auto cookie = network_namespace_cookie();
  if (!cookie) return std::unexpected(cookie.error());
  auto loaded = load();
  if (!loaded) return std::unexpected(loaded.error());
  std::unique_ptr<::bpf_link, Detach> link(
      ::bpf_program__attach_cgroup((*loaded)->progs.limit_subflow, directory.get()));
  if (!link) {
    auto out = fail_errno("cannot attach the program that limits subflows to the cgroup", path);
    out.error().code = ExitCode::kNotPermitted;
    out.error().hint = "it must be a directory of the cgroup2 file system, and CAP_BPF is needed";
    return out;
  }
  return SubflowLimits(std::make_unique<Program>(std::move(*loaded), std::move(link), *cookie));
}

Result<void> SubflowLimits::loadable() {
  if (const auto loaded = load(); !loaded) return std::unexpected(loaded.error());
  return {};
}

Result<void> SubflowLimits::set(const IpAddress& local, const SubflowLimit& limit) {
  const auto key = program_->key(local);
  const ::subflow_limit value{limit.send_buffer, limit.unsent_low_water};
  if (const int result =
          ::bpf_map__update_elem(program_->limits(), &key, sizeof key, &value, sizeof value, 0);
      result != 0)
    return fail_errno(-result, "cannot limit the subflows from " + local.text());
  return {};
}

Result<void> SubflowLimits::clear(const IpAddress& local) {
  const auto key = program_->key(local);
  if (const int result = ::bpf_map__delete_elem(program_->limits(), &key, sizeof key, 0);
      result != 0 && result != -ENOENT)
    return fail_errno(-result,
                      "cannot free the subflows from " + local.text() + " of their limits");
  return {};
}

}  // namespace anabranch::kernel
