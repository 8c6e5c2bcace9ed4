// SPDX-License-Identifier: MIT
#include "proxy/converter_role.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include <linux/capability.h>
#include <signal.h>
#include <sys/random.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "kernel/mptcp_socket.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy/converter_report.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/incoming.hpp"
#include "proxy/mapping_log.hpp"
#include "proxy/preservation.hpp"
#include "proxy/privileges.hpp"
#include "proxy/server_syn.hpp"
#include "proxy/worker.hpp"
#include "status/client.hpp"
#include "status/metrics.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::size_t kSecretOctets = 32;
constexpr std::size_t kLeastSecret = 16;
constexpr milliseconds kDrainLook{200};
constexpr seconds kWriteMappings{1};

Result<signalling::Octets> cookie_secret(const std::filesystem::path& file) {
  if (file.empty()) {
    signalling::Octets out(kSecretOctets);
    if (::getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size()))
      return fail_errno("getrandom");
    return out;
  }
  const auto content = read_file(file);
  if (!content) return std::unexpected(content.error());
  if (content->size() < kLeastSecret)
    return fail("the secret is too short", file.string(), "at least 16 octets",
                ExitCode::kBadInput);
  return signalling::Octets(content->begin(), content->end());
}

/// An [[incoming]] port, for all workers.
struct Incoming {
  Incoming(const ConverterSettings& settings, const IncomingPort& entry, ClientTable& remote_hosts,
           MemoryBudget& memory)
      : port(entry),
        asking(asking_settings(settings, entry)),
        pool(asking->converters, asking->retry),
        shared{.pool = pool,
               .mptcp_servers = mptcp_servers,
               .remote_hosts = &remote_hosts,
               .memory = &memory} {}

  IncomingPort port;
  std::shared_ptr<const CpeSettings> asking;
  ConverterPool pool;
  MptcpServers mptcp_servers;
  CpeShared shared;
};

/// What a worker thread has.
struct Thread {
  std::unique_ptr<ConverterPlane> clients;
  std::vector<std::unique_ptr<CpePlane>> incoming;  ///< in the order of the file

  std::uint64_t running() const {
    std::uint64_t out = clients->running();
    for (const auto& plane : incoming) out += plane->running();
    return out;
  }
  void drain() const {
    clients->drain();
    for (const auto& plane : incoming) plane->drain();
  }
};

/// The sockets a worker will listen on.
struct Sockets {
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> incoming;
};

class Role {
 public:
  Role(const std::filesystem::path& file, ConverterSettings settings)
      : file_(std::filesystem::absolute(file)),
        settings_(std::make_shared<const ConverterSettings>(std::move(settings))),
        memory_(settings_->limits.memory),
        clients_(settings_->limits.of_clients(), &memory_),
        fast_open_(runtime_directory() / "converter.sysctls", FastOpen::kServer),
        remote_hosts_(settings_->limits.of_clients(), &memory_) {}

  Result<void> run();

 private:
  Result<void> serve();
  Result<void> put_back();
  Result<void> open();
  Result<void> listen();
  Result<void> open_source();
  Result<void> start_workers();
  void write_mappings();
  Result<void> serve_metrics();
  Result<std::string> answer(const status::Request& request);
  Result<void> reload();
  void drain();
  void look_whether_drained();
  ConverterView view();

  std::filesystem::path file_;
  std::shared_ptr<const ConverterSettings> settings_;
  Loop loop_;
  status::ServiceManager service_{loop_};
  MemoryBudget memory_;
  ClientTable clients_;
  FastOpen fast_open_;
  std::optional<signalling::ConvertCookies> cookies_;
  std::unique_ptr<MappingLog> mappings_;  ///< null: none is kept
  ConverterShared shared_{.clients = clients_, .supported = {}, .memory = &memory_};
  ClientTable remote_hosts_;
  std::vector<std::unique_ptr<Incoming>> incoming_;
  std::vector<Sockets> sockets_;  ///< of each worker, until it has them
  std::vector<std::unique_ptr<Worker<Thread>>> workers_;
  std::optional<status::Server> server_;
  std::optional<status::MetricsServer> metrics_;
  bool preserves_ = false;  ///< clients' addresses, since the start
  bool draining_ = false;
  Loop::Handle drain_timer_;
  Loop::Handle mappings_timer_;
};

Result<void> Role::run() {
  // Whatever is changed from here on is put back; another converter that runs is not disturbed.
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path("converter"),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  const auto done = serve();
  const auto back = put_back();
  return done ? back : done;
}

Result<void> Role::serve() {
  ANABRANCH_TRY(open());
  ANABRANCH_TRY(keep_capabilities({CAP_NET_ADMIN}));
  ANABRANCH_TRY(start_workers());
  write_mappings();
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  for (const auto& endpoint : settings_->listen)
    log::info("serves clients on {} with {} workers", endpoint.text(), workers_.size());
  log::info("converter is ready");
  service_.ready();
  loop_.run();
  service_.stopping();
  log::info("converter ends");
  return {};
}

Result<void> Role::put_back() {
  server_.reset();
  metrics_.reset();
  workers_.clear();
  if (mappings_)
    if (const auto written = mappings_->flush(); !written) log::error("{}", written.error().text());
  const auto removed = preserves_ ? Preservation::stop() : Result<void>();
  const auto restored = fast_open_.restore();
  return removed ? restored : removed;
}

void Role::write_mappings() {
  if (!mappings_) return;
  if (const auto written = mappings_->flush(); !written) log::error("{}", written.error().text());
  mappings_timer_ = loop_.after(kWriteMappings, [this] { write_mappings(); });
}

Result<void> Role::open() {
  if (settings_->cookie_required) {
    auto secret = cookie_secret(settings_->cookie_secret);
    if (!secret) return std::unexpected(secret.error());
    cookies_.emplace(*std::move(secret), settings_->cookie_slot);
    shared_.cookies = &*cookies_;
  }
  ANABRANCH_TRY(open_source());
  shared_.supported = supported_options();
  fast_open_.enable();
  const auto descriptors = raise_descriptor_limit();
  if (descriptors < 2 * settings_->limits.total)
    log::warning("{} descriptors are enough for {} connections, fewer than the limit of {}",
                 descriptors, descriptors / 2, settings_->limits.total);
  for (const auto& entry : settings_->incoming)
    incoming_.push_back(std::make_unique<Incoming>(*settings_, entry, remote_hosts_, memory_));
  ANABRANCH_TRY(listen());
  return serve_metrics();
}

Result<void> Role::listen() {
  const auto& congestion = settings_->congestion;
  sockets_.resize(worker_count(settings_->workers));
  for (auto& of_worker : sockets_) {
    for (const auto& endpoint : settings_->listen) {
      auto listener = kernel::listen_on(
          endpoint,
          {.transport = kernel::Transport::kMptcp, .congestion = congestion, .fast_open = true});
      if (!listener) return std::unexpected(listener.error());
      of_worker.clients.push_back(*std::move(listener));
    }
    for (const auto& incoming : incoming_) {
      auto listener = kernel::listen_on(incoming->port.listen, {.congestion = congestion});
      if (!listener) return std::unexpected(listener.error());
      of_worker.incoming.push_back(*std::move(listener));
    }
  }
  return {};
}

/// What connections to servers need to come from where they shall.
Result<void> Role::open_source() {
  const auto& source = settings_->source;
  for (const auto& address : source.pool) {
    const auto fd = kernel::open_stream_socket(address.family(), kernel::Transport::kTcp);
    if (!fd) return std::unexpected(fd.error());
    if (auto own = kernel::connect_from(fd->get(), address); !own) {
      own.error().hint = "give the machine that address, or take it out of [source] pool";
      return own;
    }
  }
  if (source.mode == SourceMode::kPreservation) {
    preserves_ = true;
    ANABRANCH_TRY(Preservation::start());
  }
  if (source.log.empty()) return {};
  auto mappings = MappingLog::open(source.log);
  if (!mappings) return std::unexpected(mappings.error());
  mappings_ = *std::move(mappings);
  shared_.mappings = mappings_.get();
  return {};
}

Result<void> Role::start_workers() {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    auto sockets = std::make_shared<Sockets>(std::move(sockets_[i]));
    auto worker = Worker<Thread>::start([this, i, sockets](relay::Reactor& reactor) {
      auto out = std::make_unique<Thread>();
      out->clients = std::make_unique<ConverterPlane>(reactor, settings_, shared_,
                                                      std::move(sockets->clients));
      for (std::size_t k = 0; k < incoming_.size(); ++k) {
        std::vector<UniqueFd> listener;
        listener.push_back(std::move(sockets->incoming[k]));
        out->incoming.push_back(std::make_unique<CpePlane>(
            reactor, incoming_[k]->asking, incoming_[k]->shared, std::move(listener), i == 0));
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
                                            [this] { return converter_metrics(view()); });
  if (!served) return std::unexpected(served.error());
  metrics_ = *std::move(served);
  return {};
}

ConverterView Role::view() {
  ConverterView out{.file = file_.string(),
                    .settings = *settings_,
                    .workers = workers_.size(),
                    .draining = draining_,
                    .clients = clients_.clients(),
                    .memory = memory_.used(),
                    .counts = {}};
  const auto now = ConverterPool::Time::clock::now();
  for (const auto& incoming : incoming_)
    out.incoming.push_back({incoming->port, incoming->pool.view(now).front().reachable, {}});
  for (const auto& worker : workers_)
    worker->ask([&](Thread& thread) {
      out.counts += thread.clients->counts();
      for (std::size_t k = 0; k < thread.incoming.size(); ++k)
        out.incoming[k].counts += thread.incoming[k]->counts();
    });
  return out;
}

Result<std::string> Role::answer(const status::Request& request) {
  if (request.verb == "show") return converter_report_json(view());
  if (request.verb != "reload" && request.verb != "drain")
    return fail("the converter does not know '" + request.verb + "'", {},
                "show, subscribe, reload, drain", ExitCode::kBadInput);
  if (!request.privileged)
    return fail("only root may tell the converter to " + request.verb, {}, {},
                ExitCode::kNotPermitted);
  if (request.verb == "drain")
    drain();
  else if (const auto done = reload(); !done)
    return std::unexpected(done.error());
  return "{}";
}

Result<void> Role::reload() {
  const status::ServiceManager::Reload told(service_);
  auto fresh = load_converter_settings(file_);
  if (!fresh) {
    log::error("the changed file is refused and the old settings stay:\n{}", fresh.error().text());
    return std::unexpected(fresh.error());
  }
  const auto old =
      std::exchange(settings_, std::make_shared<const ConverterSettings>(*std::move(fresh)));
  const auto& now = *settings_;
  if (old->listen != now.listen || old->workers != now.workers ||
      old->congestion != now.congestion || old->cookie_required != now.cookie_required ||
      old->cookie_secret != now.cookie_secret || old->cookie_slot != now.cookie_slot ||
      old->source.mode != now.source.mode || old->source.log != now.source.log)
    log::warning(
        "listen, workers, congestion of clients, cookies, mode and log of [source] are taken at "
        "the "
        "next start only");
  if (mappings_)
    if (const auto opened = mappings_->reopen(); !opened) log::error("{}", opened.error().text());
  memory_.set(now.limits.memory);
  clients_.set(now.limits.of_clients());
  remote_hosts_.set(now.limits.of_clients());
  for (const auto& worker : workers_)
    worker->ask([&](Thread& thread) { thread.clients->set(settings_); });
  log::info("{} read again", file_.string());
  if (now.metrics != old->metrics)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  return {};
}

void Role::drain() {
  if (std::exchange(draining_, true)) return;
  for (const auto& worker : workers_) worker->ask([](Thread& thread) { thread.drain(); });
  log::info("drains: no new connections; ends when the last one is over");
  service_.say("draining");
  look_whether_drained();
}

void Role::look_whether_drained() {
  std::uint64_t running = 0;
  for (const auto& worker : workers_)
    worker->ask([&](Thread& thread) { running += thread.running(); });
  if (running == 0) return loop_.stop();
  drain_timer_ = loop_.after(kDrainLook, [this] { look_whether_drained(); });
}

}  // namespace

Result<void> clean_up_converter() {
  if (status::ask(status::socket_path("converter"), "show"))
    return fail("the converter runs", {}, "stop it before cleaning up");
  ANABRANCH_TRY(Preservation::stop());
  return FastOpen(runtime_directory() / "converter.sysctls", FastOpen::kServer).restore();
}

Result<void> run_converter(const std::filesystem::path& file) {
  auto settings = load_converter_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

}  // namespace anabranch::proxy
