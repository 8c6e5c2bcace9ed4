// SPDX-License-Identifier: MIT
#include "paths/paths.hpp"

#include <signal.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "paths/hand_over.hpp"
#include "paths/paths_role.hpp"
#include "paths/supervisor.hpp"

namespace anabranch::paths {

Result<void> Role::run() {
  ANABRANCH_TRY(open());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  tell_limits();
  feed(input::Paths{source_->now()});
  ANABRANCH_TRY(adopt_running());
  ANABRANCH_TRY(take_over());
  log::info("new MPTCP connections of this network namespace are managed here");
  service_.ready();
  tell_state();
  loop_.run();
  service_.stopping();
  adoption_->save();
  const auto back = hand_back();
  log::info("paths ends; the kernel's path manager has new connections again");
  return back;
}

Result<void> Role::open() {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path("paths"),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  ANABRANCH_TRY(open_kernel());
  if (!options_.record.empty()) {
    auto recorder = Recorder::open(options_.record, settings_);
    if (!recorder) return std::unexpected(recorder.error());
    recorder_ = *std::move(recorder);
  }
  remembered_ = load_remembered();
  adoption_.emplace(
      loop_, [this]() -> const auto& { return decider_.connections(); });
  ANABRANCH_TRY(fallback_->keep(source_->now()));
  return serve_metrics();
}

Result<void> Role::open_kernel() {
  auto events = kernel::MptcpEventMonitor::open();
  if (!events) return std::unexpected(events.error());
  events_ = *std::move(events);
  events_watch_ = loop_.on_readable(events_->fd(), [this] { read_events(); });
  auto commands = kernel::MptcpCommands::open();
  if (!commands) return std::unexpected(commands.error());
  commands_ = *std::move(commands);
  auto diag = kernel::SocketDiag::open();
  if (!diag) return std::unexpected(diag.error());
  diag_ = *std::move(diag);
  sampler_.emplace(*diag_);
  unanswered_.emplace(*diag_);
  ANABRANCH_TRY(open_prober());
  auto neighbours = kernel::Neighbours::open_without_events();
  if (!neighbours) return std::unexpected(neighbours.error());
  neighbours_ = *std::move(neighbours);
  auto route = FirstRoute::open();
  if (!route) return std::unexpected(route.error());
  route_ = *std::move(route);
  auto fallback = KernelFallback::open(settings_.subflows);
  if (!fallback) return std::unexpected(fallback.error());
  fallback_ = *std::move(fallback);
  auto source = PathSource::open(loop_, settings_, [this](std::vector<Path> paths) {
    if (const auto kept = fallback_->keep(paths); !kept) log::warning("{}", kept.error().text());
    if (const auto kept = route_->follow(paths); !kept) log::warning("{}", kept.error().text());
    feed(input::Paths{std::move(paths)});
  });
  if (!source) return std::unexpected(source.error());
  source_ = *std::move(source);
  listeners_.emplace(loop_, *diag_);
  limiter_.emplace(settings_);
  return {};
}

Result<void> Role::open_prober() {
  auto prober = probe::PathProber::open(
      loop_,
      {.answered =
           [this](const probe::Answer& answer) {
             feed(input::Probed{answer.id, true, answer.rtt});
           },
       .measured =
           [this](const probe::Measurement& measured) {
             feed(input::Measured{measured.id, measured.answered, measured.rtt, measured.rate});
           }});
  if (!prober) return std::unexpected(prober.error());
  prober_ = *std::move(prober);
  return {};
}

Result<std::string> Role::answer(const status::Request& request) {
  if (request.verb == "show")
    return report_json(decider_, MonotonicClock::now(), request.argument,
                       {.limits = limiter_->state(), .settings_file = settings_file_.string()});
  if (request.verb == "monitor") return "{}";  // events follow
  if (request.verb != "reload")
    return fail("the path manager does not know '" + request.verb + "'", {},
                "show, subscribe, monitor, reload", ExitCode::kBadInput);
  if (!request.privileged)
    return fail("only root may make the path manager reload", {}, {}, ExitCode::kNotPermitted);
  if (const auto done = reload(); !done) return std::unexpected(done.error());
  return "{}";
}

Result<void> Role::reload() {
  const status::ServiceManager::Reload told(service_);
  const auto fresh = options_.file.load();
  if (!fresh) {
    log::error("the changed file is refused and the old settings stay:\n{}", fresh.error().text());
    return std::unexpected(fresh.error());
  }
  const auto old = std::exchange(settings_, *fresh);
  settings_file_ = options_.file.found();
  log::info("{} read again", options_.file.path.string());
  if (settings_.metrics != old.metrics)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  // A decider's settings are for life: a new one takes over what runs, as after a restart.
  remembered_.clear();
  for (const auto& [token, connection] : decider_.connections())
    remembered_.insert_or_assign(token, remember(connection));
  decider_ = Decider(settings_);
  // Its numbers begin anew: answers to the old one's questions must not reach it.
  ANABRANCH_TRY(open_prober());
  for (const auto family : {Family::kIpv4, Family::kIpv6})
    ANABRANCH_TRY(route_->prefer(family, std::nullopt));
  auto fallback = KernelFallback::open(settings_.subflows);
  if (!fallback) return std::unexpected(fallback.error());
  fallback_ = *std::move(fallback);
  if (recorder_) recorder_->start_anew(settings_);
  source_->configure(settings_);
  limiter_.emplace(settings_);
  tell_limits();
  feed(input::Paths{source_->now()});
  return adopt_running();
}

void Role::tell_limits() {
  feed(input::Limits{limiter_->active(), limiter_->send_buffer()});
}

Result<void> Role::serve_metrics() {
  metrics_.reset();
  if (!settings_.metrics) return {};
  auto served = status::MetricsServer::open(loop_, *settings_.metrics,
                                            [this] { return metrics(decider_, counts_); });
  if (!served) return std::unexpected(served.error());
  metrics_ = *std::move(served);
  return {};
}

Result<void> run_paths(const RunOptions& options) {
  const auto settings = options.file.load();
  if (!settings) return std::unexpected(settings.error());
  const auto ended = supervise([&]() -> Result<void> { return Role(options, *settings).run(); });
  if (!ended) return std::unexpected(ended.error());
  if (*ended != ExitCode::kOk) return fail("the path manager has ended", {}, {}, *ended);
  return {};
}

}  // namespace anabranch::paths
