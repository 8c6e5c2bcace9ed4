// SPDX-License-Identifier: MIT
#include <cerrno>
#include <concepts>

#include "base/log.hpp"
#include "paths/paths_role.hpp"

namespace anabranch::paths {
namespace {

/// A pause in which an answer to a measurement may still come.
constexpr seconds kMeasurePatience{2};

template <class What>
concept Command = requires(What what) {
  what.token;
}
&&!std::same_as<What, action::Note>;

/// The connection that a command to the kernel is about; 0 for what is none.
Token commanded(const Action& action) {
  return std::visit(
      []<class What>(const What& what) {
        if constexpr (Command<What>)
          return what.token;
        else
          return Token{0};
      },
      action.what);
}

}  // namespace

void Role::carry_out(const Action& action) {
  const auto done = std::visit([this](const auto& what) { return apply(what); }, action.what);
  if (done) return;
  ++counts_.refused;
  log::debug("action {} ({}) was refused: {}", action.number, action.reason, done.error().text());
  // Others than commands have no errno of the kernel's to tell.
  const Token token = commanded(action);
  const int error = token != 0 ? kernel::last_netlink_error() : 0;
  const bool not_ours = error == EINVAL && commands_->is_the_kernels(token) &&
                        diag_->connection(token).value_or(std::nullopt);
  inbox_.push_back(
      input::Failed{action.number, error, done.error().what, not_ours ? token : Token{0}});
}

Result<void> Role::apply(const action::CreateSubflow& what) {
  return commands_->create({.token = what.token,
                            .local_id = what.local_id,
                            .local = what.local,
                            .ifindex = what.ifindex,
                            .remote = what.remote,
                            .backup = what.backup});
}

Result<void> Role::apply(const action::DestroySubflow& what) {
  return commands_->destroy(what.token, what.key.local, what.key.remote);
}

Result<void> Role::apply(const action::ResetSubflow& what) {
  return diag_->destroy({what.key.local, what.key.remote, what.ifindex});
}

Result<void> Role::apply(const action::AbandonJoin& what) {
  return unanswered_->end(what.token, what.local, what.remote, MonotonicClock::now());
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
  const auto path = decider_.paths().find(what.source);
  if (what.look_for_next_hop && path != decider_.paths().end() && path->second.router) {
    const auto looked = neighbours_->look(what.ifindex, *path->second.router, true);
    if (!looked) log::debug("{}", looked.error().text());
  }
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
