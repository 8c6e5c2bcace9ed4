// SPDX-License-Identifier: MIT
#include "status/role_followers.hpp"

#include <array>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

#include "base/directories.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/units.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::status {
namespace {

constexpr std::string_view kSuffix = ".sock";
/// A status socket appears a moment before its role listens on it.
constexpr milliseconds kListenPause{50};
constexpr unsigned kListenAttempts = 20;

}  // namespace

struct RoleFollowers::Impl {
  struct Role {
    Subscription subscription;
    Loop::Handle readable;
  };

  void watch();
  void directory_changed();
  void appeared(std::string_view file, unsigned attempts);
  void follow(const std::string& role, unsigned attempts);
  void speaks(std::string role);

  Loop& loop;
  std::string prefix;
  Callbacks callbacks;
  UniqueFd directory;
  Loop::Handle directory_readable;
  std::map<std::string, Role> roles;
  std::map<std::string, Loop::Handle> listen_pauses;
};

void RoleFollowers::Impl::watch() {
  const auto where = runtime_directory();
  directory.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!directory || ::inotify_add_watch(directory.get(), where.c_str(), IN_CREATE) < 0)
    log::warning("{} cannot be watched: {}... roles that start later are not noticed",
                 where.string(), prefix);
  else
    directory_readable = loop.on_readable(directory.get(), [this] { directory_changed(); });
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(where, error))
    appeared(entry.path().filename().string(), 1);
}

void RoleFollowers::Impl::directory_changed() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  ssize_t got = 0;
  while ((got = ::read(directory.get(), buffer.data(), buffer.size())) > 0)
    for (const char* at = buffer.data(); at < buffer.data() + got;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(at);
      if (event.len > 0) appeared(event.name, kListenAttempts);
      at += sizeof event + event.len;
    }
}

void RoleFollowers::Impl::appeared(std::string_view file, unsigned attempts) {
  if (file.starts_with(prefix) && file.ends_with(kSuffix))
    follow(std::string(file.substr(0, file.size() - kSuffix.size())), attempts);
}

void RoleFollowers::Impl::follow(const std::string& role, unsigned attempts) {
  if (roles.contains(role)) return;
  auto subscription = Subscription::open(socket_path(role));
  if (!subscription) {
    log::debug("{}", subscription.error().text());
    if (attempts > 1)
      listen_pauses[role] =
          loop.after(kListenPause, [this, role, left = attempts - 1] { follow(role, left); });
    return;
  }
  const auto entry = roles.try_emplace(role, *std::move(subscription), Loop::Handle{}).first;
  entry->second.readable =
      loop.on_readable(entry->second.subscription.fd(), [this, role] { speaks(role); });
  log::info("following {}", role);
}

/// By value: what called us goes away with the role.
void RoleFollowers::Impl::speaks(std::string role) {
  auto& subscription = roles.at(role).subscription;
  for (;;) {
    const auto text = subscription.take();
    if (text && !*text) return;
    const auto done = text ? callbacks.said(role, **text) : std::unexpected(text.error());
    if (done) continue;
    log::info("{} is followed no more: {}", role, done.error().what);
    roles.erase(role);
    callbacks.gone(role);
    // A role that was started anew may have its socket there already. One that is not understood
    // would say the same again.
    if (!text) follow(role, kListenAttempts);
    return;
  }
}

RoleFollowers::RoleFollowers(Loop& loop, std::string prefix, Callbacks callbacks)
    : impl_(new Impl{loop, std::move(prefix), std::move(callbacks), {}, {}, {}, {}}) {
  impl_->watch();
}
RoleFollowers::RoleFollowers(RoleFollowers&&) noexcept = default;
RoleFollowers& RoleFollowers::operator=(RoleFollowers&&) noexcept = default;
RoleFollowers::~RoleFollowers() = default;

std::vector<std::string> RoleFollowers::roles() const {
  std::vector<std::string> out;
  for (const auto& [role, following] : impl_->roles) out.push_back(role);
  return out;
}

}  // namespace anabranch::status
