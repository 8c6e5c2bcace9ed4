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
#include "proxy/incoming.hpp"
#include "proxy/interception.hpp"
#include "proxy/local_plane.hpp"
#include "proxy/privileges.hpp"
#include "proxy/worker.hpp"
#include "status/client.hpp"
#include "status/metrics.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::proxy {
namespace {

/// An [[incoming]] port, for all workers.
struct Incoming {
  Incoming(const IncomingPort& entry, ClientTable& converters)
      : port(entry), shared{.clients = converters, .supported = {}, .deliver_to = entry.to} {}

  IncomingPort port;
  ConverterShared shared;
};

/// What a worker thread has.
struct Thread {
  std::unique_ptr<CpePlane> hosts;
  std::unique_ptr<LocalPlane> local;
  std::vector<std::unique_ptr<ConverterPlane>> incoming;  ///< in the order of the file
};

/// The sockets a worker will listen on.
struct Sockets {
  std::vector<UniqueFd> hosts;
  std::vector<UniqueFd> incoming;
  std::vector<UniqueFd> local;
};

class Role {
 public:
  Role(const std::filesystem::path& file, bool single, CpeSettings settings)
      : file_(std::filesystem::absolute(file)),
        single_(single),
        settings_(std::make_shared<const CpeSettings>(std::move(settings))),
        pool_(settings_->converters, settings_->retry),
        fast_open_(runtime_directory() / "cpe.sysctls", FastOpen::kClient),
        fast_open_incoming_(runtime_directory() / "cpe-incoming.sysctls", FastOpen::kServer),
        asked_(asked_settings(*settings_)),
        converters_(asked_->limits) {}

  Result<void> run();

 private:
  Result<void> serve();
  Result<void> open();
  Result<void> listen();
  Result<void> listen_to_converters();
  Result<void> open_local_doors();
  Result<void> start_workers();
  Result<void> serve_metrics();
  Result<std::string> answer(const status::Request& request);
  Result<void> reload();
  CpeView view();

  std::filesystem::path file_;
  bool single_;  ///< told so by the command line
  std::shared_ptr<const CpeSettings> settings_;
  Loop loop_;
  status::ServiceManager service_{loop_};
  ConverterPool pool_;
  MptcpServers mptcp_servers_;
  CpeShared shared_{pool_, mptcp_servers_};
  FastOpen fast_open_;
  FastOpen fast_open_incoming_;
  std::uint16_t port_ = 0;
  std::shared_ptr<const ConverterSettings> asked_;  ///< for incoming connections
  ClientTable converters_;
  std::vector<std::unique_ptr<Incoming>> incoming_;
  NameResolver names_;
  LocalDoors local_;
  std::vector<Sockets> sockets_;  ///< of each worker, until it has them
  std::vector<std::unique_ptr<Worker<Thread>>> workers_;
  std::optional<status::Server> server_;
  std::optional<status::MetricsServer> metrics_;
};

Result<void> Role::run() {
  // Whatever is changed from here on is put back; another CPE that runs is not disturbed.
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path("cpe"),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  const auto done = serve();
  const auto stopped = Interception::stop();
  server_.reset();
  metrics_.reset();
  workers_.clear();
  // In the opposite order of how they were set.
  const auto other = fast_open_incoming_.restore();
  const auto restored = other ? fast_open_.restore() : other;
  if (!done) return done;
  return stopped ? restored : stopped;
}

Result<void> Role::serve() {
  ANABRANCH_TRY(open());
  ANABRANCH_TRY(keep_capabilities({CAP_NET_ADMIN}));
  ANABRANCH_TRY(start_workers());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  ANABRANCH_TRY(Interception::start(*settings_, port_));
  log::info("takes connections with {} workers, {} converters", workers_.size(),
            settings_->converters.size());
  log::info("cpe is ready");
  service_.ready();
  loop_.run();
  service_.stopping();
  log::info("cpe ends");
  return {};
}

Result<void> Role::open() {
  if (!kernel::mptcp_available())
    return fail("there is no MPTCP here", {}, "net.mptcp.enabled=1, and a kernel that has it",
                ExitCode::kNotPermitted);
  fast_open_.enable();
  raise_descriptor_limit();
  for (const auto& entry : settings_->incoming)
    incoming_.push_back(std::make_unique<Incoming>(entry, converters_));
  if (!incoming_.empty()) fast_open_incoming_.enable();
  sockets_.resize(worker_count(settings_->workers));
  ANABRANCH_TRY(listen());
  ANABRANCH_TRY(listen_to_converters());
  ANABRANCH_TRY(open_local_doors());
  return serve_metrics();
}

/// One port for both families and all workers, which the kernel chooses.
Result<void> Role::listen() {
  const std::vector<Endpoint> loopback{{IpAddress::parse("127.0.0.1").value(), 0},
                                       {IpAddress::parse("::1").value(), 0}};
  for (auto& of_worker : sockets_)
    for (const auto& endpoint : loopback) {
      auto listener = kernel::listen_on({endpoint.address, port_},
                                        {.congestion = settings_->congestion, .transparent = true});
      if (!listener && !endpoint.address.is_v4()) {
        log::warning("IPv6 connections are left alone: {}", listener.error().text());
        continue;
      }
      if (!listener) return std::unexpected(listener.error());
      if (port_ == 0) port_ = kernel::own_endpoint(listener->get()).value_or(Endpoint()).port;
      of_worker.hosts.push_back(*std::move(listener));
    }
  return {};
}

Result<void> Role::listen_to_converters() {
  for (auto& of_worker : sockets_)
    for (const auto& incoming : incoming_) {
      auto listener =
          kernel::listen_on(incoming->port.listen, {.transport = kernel::Transport::kMptcp,
                                                    .congestion = settings_->congestion,
                                                    .fast_open = true});
      if (!listener) return std::unexpected(listener.error());
      of_worker.incoming.push_back(*std::move(listener));
    }
  return {};
}

Result<void> Role::open_local_doors() {
  auto doors = make_local_doors(settings_->local);
  if (!doors) return std::unexpected(doors.error());
  local_ = *std::move(doors);
  for (auto& of_worker : sockets_) {
    auto listeners = listen_at(local_, settings_->congestion);
    if (!listeners) return std::unexpected(listeners.error());
    of_worker.local = *std::move(listeners);
  }
  return {};
}

Result<void> Role::start_workers() {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    auto sockets = std::make_shared<Sockets>(std::move(sockets_[i]));
    auto worker = Worker<Thread>::start([this, i, sockets](relay::Reactor& reactor) {
      auto out = std::make_unique<Thread>();
      out->hosts = std::make_unique<CpePlane>(reactor, settings_, shared_,
                                              std::move(sockets->hosts), i == 0);
      out->local =
          std::make_unique<LocalPlane>(*out->hosts, names_, local_, std::move(sockets->local));
      for (std::size_t k = 0; k < incoming_.size(); ++k) {
        std::vector<UniqueFd> listener;
        listener.push_back(std::move(sockets->incoming[k]));
        out->incoming.push_back(std::make_unique<ConverterPlane>(
            reactor, asked_, incoming_[k]->shared, std::move(listener)));
      }
      return out;
    });
    if (!worker) return std::unexpected(worker.error());
    workers_.push_back(*std::move(worker));
    // The thread reads settings_ at its beginning: they do not change before it has.
    workers_.back()->ask([](Thread&) {});
  }
  sockets_.clear();
  return {};
}

Result<void> Role::serve_metrics() {
  metrics_.reset();
  if (!settings_->metrics) return {};
  auto served = status::MetricsServer::open(loop_, *settings_->metrics,
                                            [this] { return cpe_metrics(view()); });
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
  for (const auto& incoming : incoming_)
    out.incoming.push_back({.port = incoming->port, .counts = {}});
  for (const auto& door : local_)
    out.local.push_back(
        {.settings = door->settings, .connections = door->clients.connections(), .counts = {}});
  for (const auto& worker : workers_)
    worker->ask([&](Thread& thread) {
      out.counts += thread.hosts->counts();
      for (std::size_t k = 0; k < local_.size(); ++k)
        out.local[k].counts += thread.local->counts()[k];
      for (std::size_t k = 0; k < thread.incoming.size(); ++k)
        out.incoming[k].counts += thread.incoming[k]->counts();
    });
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
  auto fresh = load_cpe_settings(file_, single_);
  if (!fresh) {
    log::error("the changed file is refused and the old settings stay:\n{}", fresh.error().text());
    return std::unexpected(fresh.error());
  }
  if (fresh->single.has_value() != settings_->single.has_value()) {
    // Running connections are led here by its rules.
    log::warning("[single] comes and goes at the next start only");
    fresh->single = settings_->single;
  }
  ANABRANCH_TRY(Interception::change(*fresh, port_));
  const auto old = std::exchange(settings_, std::make_shared<const CpeSettings>(*std::move(fresh)));
  if (old->workers != settings_->workers)
    log::warning("the number of workers is taken at the next start only");
  if (old->local != settings_->local) log::warning("[[local]] is taken at the next start only");
  pool_.set(settings_->converters, settings_->retry);
  asked_ = asked_settings(*settings_);
  for (const auto& worker : workers_)
    worker->ask([&](Thread& thread) {
      thread.hosts->set(settings_);
      for (const auto& plane : thread.incoming) plane->set(asked_);
    });
  log::info("{} read again", file_.string());
  if (settings_->metrics != old->metrics)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  return {};
}

}  // namespace

Result<void> run_cpe(const std::filesystem::path& file, bool single) {
  auto settings = load_cpe_settings(file, single);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, single, *std::move(settings)).run();
}

Result<void> clean_up_cpe() {
  if (status::ask(status::socket_path("cpe"), "show"))
    return fail("the CPE runs", {}, "stop it before cleaning up");
  ANABRANCH_TRY(Interception::stop());
  ANABRANCH_TRY(
      FastOpen(runtime_directory() / "cpe-incoming.sysctls", FastOpen::kServer).restore());
  return FastOpen(runtime_directory() / "cpe.sysctls", FastOpen::kClient).restore();
}

}  // namespace anabranch::proxy
