// SPDX-License-Identifier: MIT
#include "proxy/converter_role.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <sys/random.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "kernel/mptcp_socket.hpp"
#include "kernel/sysctl.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy/converter_report.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/incoming.hpp"
#include "proxy/mapping_log.hpp"
#include "proxy/preservation.hpp"
#include "proxy/role_runtime.hpp"
#include "proxy/service.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::string_view kName = "converter";
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

/// TCP options that the kernel puts into our SYNs, as it is set up (RFC 8803 section 6.2.4).
std::vector<std::uint8_t> supported_options() {
  std::vector<std::uint8_t> out;
  const auto on = [](const char* key) { return kernel::read_sysctl(key).value_or("0") != "0"; };
  if (on("net/ipv4/tcp_sack")) out.push_back(wire::tcp_kind::kSackPermitted);
  if (on("net/ipv4/tcp_timestamps")) out.push_back(wire::tcp_kind::kTimestamps);
  if (kernel::mptcp_available()) out.push_back(wire::tcp_kind::kMptcp);
  return out;
}

ListeningPlan clients_plan(const ConverterSettings& settings) {
  return {settings.listen,
          {.transport = kernel::Transport::kMptcp,
           .congestion = settings.congestion,
           .fast_open = true}};
}

/// An [[incoming]] port.
struct Incoming {
  Incoming(const ConverterSettings& settings, const IncomingPort& entry, ClientTable& remote_hosts)
      : port(entry),
        asking(asking_settings(settings, entry)),
        pool(asking->converters, asking->retry),
        shared{pool, mptcp_servers, &remote_hosts},
        service([this](relay::Reactor& reactor, bool first) {
          return std::make_unique<CpePlane>(reactor, asking, shared, first);
        }) {}

  void set(const ConverterSettings& settings) {
    asking = asking_settings(settings, port);
    service.each([&](CpePlane& plane) { plane.set(asking); });
  }

  IncomingPort port;
  std::shared_ptr<const CpeSettings> asking;
  ConverterPool pool;
  MptcpServers mptcp_servers;
  CpeShared shared;
  Service<CpePlane> service;
};

class Role final : public RoleRuntime {
 public:
  Role(const std::filesystem::path& file, ConverterSettings settings)
      : RoleRuntime(kName, file),
        settings_(std::make_shared<const ConverterSettings>(std::move(settings))),
        clients_(settings_->limits),
        fast_open_(runtime_directory() / "converter.sysctls", FastOpen::kServer),
        remote_hosts_(settings_->limits) {
    verbs_["drain"] = [this] { drain(); };
  }

 private:
  Result<void> open() override;
  Result<void> begin() override;
  Result<void> put_back() override;
  Result<void> read_again() override;
  bool leave_idle() override;
  std::string report() override { return converter_report_json(view()); }
  std::vector<status::Metric> metrics() override { return converter_metrics(view()); }
  const std::optional<status::MetricsAddress>& metrics_address() const override {
    return settings_->metrics;
  }

  /// What new settings need and what is not there yet.
  struct Listening {
    Workers workers;
    std::vector<Listener> clients;
    IncomingPorts<Incoming>::Change incoming;
  };
  Result<Listening> prepare(const ConverterSettings& settings) const;
  void listen(Listening listening);
  Result<void> open_source();
  void write_mappings();
  void drain();
  void look_whether_drained();
  ConverterView view();

  std::shared_ptr<const ConverterSettings> settings_;
  ClientTable clients_;
  FastOpen fast_open_;
  std::optional<signalling::ConvertCookies> cookies_;
  std::unique_ptr<MappingLog> mappings_;  ///< null: none is kept
  ConverterShared shared_{.clients = clients_, .supported = {}};
  Service<ConverterPlane> service_of_clients_{[this](relay::Reactor& reactor, bool) {
    return std::make_unique<ConverterPlane>(reactor, settings_, shared_);
  }};
  ClientTable remote_hosts_;
  IncomingPorts<Incoming> incoming_{[this](const IncomingPort& entry) {
    return std::make_unique<Incoming>(*settings_, entry, remote_hosts_);
  }};
  bool preserves_ = false;  ///< clients' addresses, since the start
  bool draining_ = false;
  Loop::Handle drain_timer_;
  Loop::Handle mappings_timer_;
};

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
  return {};
}

Result<void> Role::begin() {
  auto prepared = prepare(*settings_);
  if (!prepared) return std::unexpected(prepared.error());
  listen(*std::move(prepared));
  write_mappings();
  for (const auto& endpoint : settings_->listen)
    log::info("serves clients on {} with {} workers", endpoint.text(), workers_.size());
  return {};
}

Result<void> Role::put_back() {
  // Connections end here: what the log has to say of them is written after it.
  incoming_.clear();
  service_of_clients_.end();
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

Result<Role::Listening> Role::prepare(const ConverterSettings& settings) const {
  Listening out{.workers = workers_, .clients = {}, .incoming = {}};
  ANABRANCH_TRY(resize(out.workers, worker_count(settings.workers)));
  const auto workers = out.workers.size();
  auto clients = service_of_clients_.open_missing(clients_plan(settings), workers);
  if (!clients) return std::unexpected(clients.error());
  out.clients = *std::move(clients);
  auto incoming =
      incoming_.prepare(settings.incoming, {.congestion = settings.congestion}, workers);
  if (!incoming) return std::unexpected(incoming.error());
  out.incoming = *std::move(incoming);
  return out;
}

void Role::listen(Listening listening) {
  workers_ = std::move(listening.workers);
  service_of_clients_.listen(clients_plan(*settings_), workers_, std::move(listening.clients));
  incoming_.apply(std::move(listening.incoming), workers_);
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

ConverterView Role::view() {
  ConverterView out{.file = file(),
                    .settings = *settings_,
                    .workers = workers_.size(),
                    .draining = draining_,
                    .clients = clients_.clients(),
                    .counts = service_of_clients_.counts()};
  const auto now = ConverterPool::Time::clock::now();
  for (const auto& incoming : incoming_.all())
    out.incoming.push_back(
        {incoming->port, incoming->pool.view(now).front().reachable, incoming->service.counts()});
  return out;
}

Result<void> Role::read_again() {
  auto fresh = load_converter_settings(file());
  if (!fresh) return std::unexpected(fresh.error());
  auto prepared = prepare(*fresh);
  if (!prepared) return std::unexpected(prepared.error());
  const auto old =
      std::exchange(settings_, std::make_shared<const ConverterSettings>(*std::move(fresh)));
  const auto& now = *settings_;
  if (old->cookie_required != now.cookie_required || old->cookie_secret != now.cookie_secret ||
      old->cookie_slot != now.cookie_slot || old->source.mode != now.source.mode ||
      old->source.log != now.source.log)
    log::warning("cookies, mode and log of [source] are taken at the next start only");
  if (mappings_)
    if (const auto opened = mappings_->reopen(); !opened) log::error("{}", opened.error().text());
  clients_.set(now.limits);
  remote_hosts_.set(now.limits);
  service_of_clients_.each([&](ConverterPlane& plane) { plane.set(settings_); });
  for (const auto& incoming : incoming_.all()) incoming->set(now);
  // Who drains lets nobody in.
  if (!draining_) listen(*std::move(prepared));
  return {};
}

bool Role::leave_idle() {
  const bool clients = service_of_clients_.leave_idle(workers_);
  return incoming_.leave_idle(workers_) || clients;
}

void Role::drain() {
  if (std::exchange(draining_, true)) return;
  service_of_clients_.close();
  incoming_.close();
  log::info("drains: no new connections; ends when the last one is over");
  service_.say("draining");
  look_whether_drained();
}

void Role::look_whether_drained() {
  if (service_of_clients_.running() + incoming_.running() == 0) return loop_.stop();
  drain_timer_ = loop_.after(kDrainLook, [this] { look_whether_drained(); });
}

}  // namespace

Result<void> clean_up_converter() {
  ANABRANCH_TRY(not_running(kName));
  ANABRANCH_TRY(Preservation::stop());
  return FastOpen(runtime_directory() / "converter.sysctls", FastOpen::kServer).restore();
}

Result<void> run_converter(const std::filesystem::path& file) {
  auto settings = load_converter_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

}  // namespace anabranch::proxy
