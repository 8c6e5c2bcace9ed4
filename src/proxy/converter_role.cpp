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
#include "kernel/sysctl.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy/converter_report.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/privileges.hpp"
#include "proxy/worker.hpp"
#include "status/metrics.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::size_t kSecretOctets = 32;
constexpr std::size_t kLeastSecret = 16;
constexpr milliseconds kDrainLook{200};

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

/// TCP options that the kernel puts into our SYNs, as it is set up (RFC 8803 section 6.2.4).
std::vector<std::uint8_t> supported_options() {
  std::vector<std::uint8_t> out;
  const auto on = [](const char* key) { return kernel::read_sysctl(key).value_or("0") != "0"; };
  if (on("net/ipv4/tcp_sack")) out.push_back(wire::tcp_kind::kSackPermitted);
  if (on("net/ipv4/tcp_timestamps")) out.push_back(wire::tcp_kind::kTimestamps);
  if (kernel::mptcp_available()) out.push_back(wire::tcp_kind::kMptcp);
  return out;
}

class Role {
 public:
  Role(std::filesystem::path file, ConverterSettings settings)
      : file_(std::filesystem::absolute(std::move(file))),
        settings_(std::make_shared<const ConverterSettings>(std::move(settings))),
        clients_(settings_->limits),
        fast_open_(runtime_directory() / "converter.sysctls", FastOpen::kServer) {}

  Result<void> run();

 private:
  Result<void> open();
  Result<void> start_workers();
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
  ClientTable clients_;
  FastOpen fast_open_;
  std::optional<signalling::ConvertCookies> cookies_;
  ConverterShared shared_{.clients = clients_, .supported = {}};
  std::vector<std::vector<UniqueFd>> listeners_;  ///< of each worker, until it has them
  std::vector<std::unique_ptr<Worker<ConverterPlane>>> workers_;
  std::optional<status::Server> server_;
  std::optional<status::MetricsServer> metrics_;
  bool draining_ = false;
  Loop::Handle drain_timer_;
};

Result<void> Role::run() {
  ANABRANCH_TRY(open());
  ANABRANCH_TRY(keep_capabilities({CAP_NET_ADMIN}));
  ANABRANCH_TRY(start_workers());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  for (const auto& endpoint : settings_->listen)
    log::info("serves clients on {} with {} workers", endpoint.text(), workers_.size());
  log::info("converter is ready");
  service_.ready();
  loop_.run();
  service_.stopping();
  server_.reset();
  metrics_.reset();
  workers_.clear();
  log::info("converter ends");
  return fast_open_.restore();
}

Result<void> Role::open() {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path("converter"),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  if (settings_->cookie_required) {
    auto secret = cookie_secret(settings_->cookie_secret);
    if (!secret) return std::unexpected(secret.error());
    cookies_.emplace(*std::move(secret), settings_->cookie_slot);
    shared_.cookies = &*cookies_;
  }
  shared_.supported = supported_options();
  fast_open_.enable();
  const auto descriptors = raise_descriptor_limit();
  if (descriptors < 2 * settings_->limits.total)
    log::warning("{} descriptors are enough for {} connections, fewer than the limit of {}",
                 descriptors, descriptors / 2, settings_->limits.total);
  listeners_.resize(worker_count(settings_->workers));
  for (auto& of_worker : listeners_)
    for (const auto& endpoint : settings_->listen) {
      auto listener = kernel::listen_on(endpoint, {.transport = kernel::Transport::kMptcp,
                                                   .congestion = settings_->congestion,
                                                   .fast_open = true});
      if (!listener) return std::unexpected(listener.error());
      of_worker.push_back(*std::move(listener));
    }
  return serve_metrics();
}

Result<void> Role::start_workers() {
  for (auto& listeners : listeners_) {
    auto shared_listeners = std::make_shared<std::vector<UniqueFd>>(std::move(listeners));
    auto worker = Worker<ConverterPlane>::start(
        [this, shared_listeners, settings = settings_](relay::Reactor& reactor) {
          return std::make_unique<ConverterPlane>(reactor, settings, shared_,
                                                  std::move(*shared_listeners));
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
                    .counts = {}};
  for (const auto& worker : workers_)
    worker->ask([&](ConverterPlane& plane) { out.counts += plane.counts(); });
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
      old->cookie_secret != now.cookie_secret || old->cookie_slot != now.cookie_slot)
    log::warning(
        "listen, workers, congestion of clients and cookies are taken at the next start only");
  clients_.set(now.limits);
  for (const auto& worker : workers_)
    worker->ask([&](ConverterPlane& plane) { plane.set(settings_); });
  log::info("{} read again", file_.string());
  if (now.metrics != old->metrics)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  return {};
}

void Role::drain() {
  if (std::exchange(draining_, true)) return;
  for (const auto& worker : workers_)
    worker->ask([](ConverterPlane& plane) { plane.drain(); });
  log::info("drains: no new connections; ends when the last one is over");
  service_.say("draining");
  look_whether_drained();
}

void Role::look_whether_drained() {
  std::uint64_t running = 0;
  for (const auto& worker : workers_)
    worker->ask([&](ConverterPlane& plane) { running += plane.running(); });
  if (running == 0) return loop_.stop();
  drain_timer_ = loop_.after(kDrainLook, [this] { look_whether_drained(); });
}

}  // namespace

Result<void> run_converter(const std::filesystem::path& file) {
  auto settings = load_converter_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

}  // namespace anabranch::proxy
