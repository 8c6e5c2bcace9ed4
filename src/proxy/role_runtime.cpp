// SPDX-License-Identifier: MIT
#include "proxy/role_runtime.hpp"

#include <utility>

#include <linux/capability.h>
#include <signal.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "proxy/privileges.hpp"
#include "status/client.hpp"

namespace anabranch::proxy {
namespace {

constexpr seconds kIdleLook{1};

}  // namespace

RoleRuntime::RoleRuntime(std::string_view name, const std::filesystem::path& file)
    : name_(name), file_(std::filesystem::absolute(file)) {}

Result<void> RoleRuntime::run() {
  // Whatever is changed from here on is put back; another one that runs is not disturbed.
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path(name_),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  const auto done = serve();
  server_.reset();
  metrics_server_.reset();
  const auto back = put_back();
  workers_.clear();
  return done ? back : done;
}

Result<void> RoleRuntime::serve() {
  ANABRANCH_TRY(open());
  ANABRANCH_TRY(serve_metrics());
  ANABRANCH_TRY(keep_capabilities({CAP_NET_ADMIN, CAP_NET_BIND_SERVICE}));
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  ANABRANCH_TRY(begin());
  log::info("{} is ready", name_);
  service_.ready();
  loop_.run();
  service_.stopping();
  log::info("{} ends", name_);
  return {};
}

Result<void> RoleRuntime::serve_metrics() {
  metrics_server_.reset();
  if (!metrics_address()) return {};
  auto served =
      status::MetricsServer::open(loop_, *metrics_address(), [this] { return metrics(); });
  if (!served) return std::unexpected(served.error());
  metrics_server_ = *std::move(served);
  return {};
}

Result<std::string> RoleRuntime::answer(const status::Request& request) {
  if (request.verb == "show") return report();
  const auto own = verbs_.find(request.verb);
  if (request.verb != "reload" && own == verbs_.end()) {
    std::string known = "show, subscribe, reload";
    for (const auto& [verb, action] : verbs_) known += ", " + verb;
    return fail("the " + name_ + " does not know '" + request.verb + "'", {}, known,
                ExitCode::kBadInput);
  }
  if (!request.privileged)
    return fail("only root may tell the " + name_ + " to " + request.verb, {}, {},
                ExitCode::kNotPermitted);
  if (own != verbs_.end())
    own->second();
  else
    ANABRANCH_TRY(reload());
  return "{}";
}

Result<void> RoleRuntime::reload() {
  const status::ServiceManager::Reload told(service_);
  const auto before = metrics_address();
  if (const auto taken = read_again(); !taken) {
    log::error("the changed file is refused and the old settings stay:\n{}", taken.error().text());
    return taken;
  }
  log::info("{} read again", file_.string());
  if (metrics_address() != before)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  look_for_idle();
  return {};
}

Result<void> RoleRuntime::set_workers(unsigned wanted) {
  const auto done = resize(workers_, worker_count(wanted));
  if (done || workers_.empty()) return done;
  log::error("goes on with {} workers: {}", workers_.size(), done.error().text());
  return {};
}

void RoleRuntime::look_for_idle() {
  if (leave_idle()) idle_timer_ = loop_.after(kIdleLook, [this] { look_for_idle(); });
}

Result<void> not_running(std::string_view name) {
  if (!status::ask(status::socket_path(name), "show")) return {};
  return fail("the " + std::string(name) + " runs", {}, "stop it before cleaning up");
}

}  // namespace anabranch::proxy
