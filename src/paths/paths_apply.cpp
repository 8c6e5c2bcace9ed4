// SPDX-License-Identifier: MIT
#include "base/log.hpp"
#include "paths/paths_role.hpp"

namespace anabranch::paths {
namespace {

/// A pause in which an answer to a measurement may still come.
constexpr seconds kMeasurePatience{2};

}  // namespace

void Role::carry_out(const Action& action) {
  const auto done = std::visit([this](const auto& what) { return apply(what); }, action.what);
  if (done) return;
  ++counts_.refused;
  log::debug("action {} ({}) was refused: {}", action.number, action.reason, done.error().text());
  inbox_.push_back(input::Failed{action.number, kernel::last_netlink_error(), done.error().what});
}

Result<void> Role::apply(const action::CreateSubflow& what) {
  return commands_->create({.token = what.token,
                            .local_id = what.local_id,
                            .local = what.local,
                            .local_port = what.local_port,
                            .ifindex = what.ifindex,
                            .remote = what.remote,
                            .backup = what.backup});
}

Result<void> Role::apply(const action::DestroySubflow& what) {
  return commands_->destroy(what.token, what.key.local, what.key.remote);
}

Result<void> Role::apply(const action::RemoveAddress& what) {
  return commands_->remove(what.token, what.id);
}

Result<void> Role::apply(const action::SetBackup& what) {
  return commands_->set_backup(what.token, what.key.local, what.key.remote, what.backup);
}

Result<void> Role::apply(const action::Announce& what) {
  return commands_->announce(what.token, what.id, what.endpoint, what.ifindex);
}

Result<void> Role::apply(const action::AskListening& what) {
  inbox_.push_back(listeners_->ask(what.endpoint));
  return {};
}

Result<void> Role::apply(const action::OpenListener& what) {
  inbox_.push_back(listeners_->open(what.endpoint));
  return {};
}

Result<void> Role::apply(const action::CloseListener& what) {
  listeners_->close(what.endpoint);
  return {};
}

Result<void> Role::apply(const action::Probe& what) {
  return prober_->ask(what.id, {what.source, what.ifindex, what.remote.address, what.remote.port},
                      what.patience);
}

Result<void> Role::apply(const action::Measure& what) {
  const auto sent =
      prober_->measure(what.id, {what.source, what.ifindex, what.remote.address, what.remote.port},
                       6, 1400, kMeasurePatience);
  if (!sent) inbox_.push_back(input::Measured{what.id, 0, {}, {}});
  return sent;
}

Result<void> Role::apply(const action::PreferPath& what) {
  std::optional<Path> path;
  if (what.address)
    if (const auto found = decider_.paths().find(*what.address); found != decider_.paths().end())
      path = found->second;
  log::info("new {} connections leave {}", family_name(what.family),
            path ? "by " + path->interface + ", " + path->address.text() : "as the routes say");
  return route_->prefer(what.family, path);
}

Result<void> Role::apply(const action::LimitSubflows& what) {
  const auto done = limiter_->apply(what);
  if (!done) {
    limiter_->give_up(done.error());
    tell_limits();
  }
  return done;
}

Result<void> Role::apply(const action::Note& what) {
  if (what.token == 0)
    log::info("{}", what.text);
  else
    log::debug("connection {:#010x}: {}", what.token, what.text);
  return {};
}

}  // namespace anabranch::paths
