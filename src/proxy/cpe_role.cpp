// SPDX-License-Identifier: MIT
#include "proxy/cpe_role.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <linux/capability.h>
#include <signal.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "kernel/mptcp_socket.hpp"
#include "proxy/cpe_plane.hpp"
#include "proxy/cpe_report.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/interception.hpp"
#include "proxy/privileges.hpp"
#include "proxy/worker.hpp"
#include "status/client.hpp"
#include "status/metrics.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::proxy {
namespace {

class Role {
 public:
  Role(std::filesystem::path file, CpeSettings settings)
      : file_(std::filesystem::absolute(std::move(file))),
        settings_(std::make_shared<const CpeSettings>(std::move(settings))),
        pool_(settings_->converters, settings_->retry),
        fast_open_(runtime_directory() / "cpe.sysctls", FastOpen::kClient) {}

  Result<void> run();

 private:
  Result<void> open();
  Result<void> listen();
  Result<void> start_workers();
  Result<void> serve_metrics();
  Result<std::string> answer(const status::Request& request);
  Result<void> reload();
  CpeView view();

  std::filesystem::path file_;
  std::shared_ptr<const CpeSettings> settings_;
  Loop loop_;
  status::ServiceManager service_{loop_};
  ConverterPool pool_;
  FastOpen fast_open_;
  std::uint16_t port_ = 0;
  std::vector<std::vector<UniqueFd>> listeners_;  ///< of each worker, until it has them
  std::vector<std::unique_ptr<Worker<CpePlane>>> workers_;
  std::optional<status::Server> server_;
  std::optional<status::MetricsServer> metrics_;
};

Result<void> Role::run() {
  ANABRANCH_TRY(open());
  ANABRANCH_TRY(keep_capabilities({CAP_NET_ADMIN}));
  ANABRANCH_TRY(start_workers());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  auto done = Interception::start(*settings_, port_);
  if (done) {
    log::info("takes connections with {} workers, {} converters", workers_.size(),
              settings_->converters.size());
    log::info("cpe is ready");
    service_.ready();
    loop_.run();
    service_.stopping();
  }
  const auto stopped = Interception::stop();
  server_.reset();
  metrics_.reset();
  workers_.clear();
  log::info("cpe ends");
  const auto restored = fast_open_.restore();
  if (!done) return done;
  return stopped ? restored : stopped;
}

Result<void> Role::open() {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path("cpe"),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  if (!kernel::mptcp_available())
    return fail("there is no MPTCP here", {}, "net.mptcp.enabled=1, and a kernel that has it",
                ExitCode::kNotPermitted);
  fast_open_.enable();
  raise_descriptor_limit();
  listeners_.resize(worker_count(settings_->workers));
  ANABRANCH_TRY(listen());
  return serve_metrics();
}

/// One port for both families and all workers, which the kernel chooses.
Result<void> Role::listen() {
  const std::vector<Endpoint> loopback{{IpAddress::parse("127.0.0.1").value(), 0},
                                       {IpAddress::parse("::1").value(), 0}};
  for (auto& of_worker : listeners_)
    for (const auto& endpoint : loopback) {
      auto listener = kernel::listen_on({endpoint.address, port_},
                                        {.congestion = settings_->congestion, .transparent = true});
      if (!listener && !endpoint.address.is_v4()) {
        log::warning("IPv6 connections are left alone: {}", listener.error().text());
        continue;
      }
      if (!listener) return std::unexpected(listener.error());
      if (port_ == 0) port_ = kernel::own_endpoint(listener->get()).value_or(Endpoint()).port;
      of_worker.push_back(*std::move(listener));
    }
  return {};
}

Result<void> Role::start_workers() {
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    auto listeners = std::make_shared<std::vector<UniqueFd>>(std::move(listeners_[i]));
    auto worker = Worker<CpePlane>::start(
        [this, i, listeners, settings = settings_](relay::Reactor& reactor) {
          return std::make_unique<CpePlane>(reactor, settings, pool_, std::move(*listeners),
                                            i == 0);
        });
    if (!worker) return std::unexpected(worker.error());
    workers_.push_back(*std::move(worker));
  }
  listeners_.clear();
  return {};
}

Result<void> Role::serve_metrics() {
  metrics_.reset();
  if (!settings_->metrics) return {};
  auto served =
      status::MetricsServer::open(loop_, *settings_->metrics, [this] { return cpe_metrics(view()); });
  if (!served) return std::unexpected(served.error());
  metrics_ = *std::move(served);
  return {};
}

CpeView Role::view() {
  CpeView out{.file = file_.string(),
              .settings = *settings_,
              .workers = workers_.size(),
              .port = port_,
              .converters = pool_.view(ConverterPool::Time::clock::now()),
              .packets = {},
              .counts = {}};
  if (auto packets = Interception::counters()) out.packets = *std::move(packets);
  for (const auto& worker : workers_)
    worker->ask([&](CpePlane& plane) { out.counts += plane.counts(); });
  return out;
}

Result<std::string> Role::answer(const status::Request& request) {
  if (request.verb == "show") return cpe_report_json(view());
  if (request.verb != "reload")
    return fail("the CPE does not know '" + request.verb + "'", {}, "show, subscribe, reload",
                ExitCode::kBadInput);
  if (!request.privileged)
    return fail("only root may make the CPE reload", {}, {}, ExitCode::kNotPermitted);
  if (const auto done = reload(); !done) return std::unexpected(done.error());
  return "{}";
}

Result<void> Role::reload() {
  const status::ServiceManager::Reload told(service_);
  auto fresh = load_cpe_settings(file_);
  if (!fresh) {
    log::error("the changed file is refused and the old settings stay:\n{}", fresh.error().text());
    return std::unexpected(fresh.error());
  }
  ANABRANCH_TRY(Interception::change(*fresh, port_));
  const auto old = std::exchange(settings_, std::make_shared<const CpeSettings>(*std::move(fresh)));
  if (old->workers != settings_->workers)
    log::warning("the number of workers is taken at the next start only");
  pool_.set(settings_->converters, settings_->retry);
  for (const auto& worker : workers_)
    worker->ask([&](CpePlane& plane) { plane.set(settings_); });
  log::info("{} read again", file_.string());
  if (settings_->metrics != old->metrics)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  return {};
}

}  // namespace

Result<void> run_cpe(const std::filesystem::path& file) {
  auto settings = load_cpe_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

Result<void> clean_up_cpe() {
  if (status::ask(status::socket_path("cpe"), "show"))
    return fail("the CPE runs", {}, "stop it before cleaning up");
  ANABRANCH_TRY(Interception::stop());
  return FastOpen(runtime_directory() / "cpe.sysctls", FastOpen::kClient).restore();
}

}  // namespace anabranch::proxy
