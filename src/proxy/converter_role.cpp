// SPDX-License-Identifier: MIT
#include "proxy/converter_role.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "proxy/converter_opening.hpp"
#include "proxy/converter_packets.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy/converter_report.hpp"
#include "proxy/converter_setting_definitions.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/incoming.hpp"
#include "proxy/listed_ports.hpp"
#include "proxy/mapping_log.hpp"
#include "proxy/role_runtime.hpp"
#include "proxy/server_syn.hpp"
#include "proxy/service.hpp"

namespace anabranch::proxy {
namespace {

namespace key = definition::converter;

constexpr std::string_view kName = "converter";
constexpr milliseconds kDrainLook{200};
constexpr seconds kWriteMappings{1};

ListeningPlan clients_plan(const ConverterSettings& settings) {
  return {settings.listen,
          {.transport = kernel::Transport::kMptcp,
           .congestion = settings.congestion,
           .fast_open = true}};
}

/// An [[incoming]] port.
struct Incoming {
  Incoming(const ConverterSettings& settings, const IncomingPort& entry, ClientTable& remote_hosts,
           MemoryBudget& memory)
      : port(entry),
        asking(asking_settings(settings, entry)),
        pool(asking->converters, asking->retry),
        shared{.pool = pool,
               .mptcp_servers = mptcp_servers,
               .remote_hosts = &remote_hosts,
               .memory = &memory},
        service([this](relay::Reactor& reactor, bool first) {
          return std::make_unique<CpePlane>(reactor, asking, shared, first);
        }) {}

  void set(const ConverterSettings& settings) {
    asking = asking_settings(settings, port);
    service.each([&](CpePlane& plane) { plane.set(asking); });
  }

  IncomingPort port;
  Endpoint listens;
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
        memory_(settings_->limits.memory),
        clients_(settings_->limits.of_clients(), &memory_),
        fast_open_(runtime_directory() / "converter.sysctls", FastOpen::kServer),
        remote_hosts_(settings_->limits.of_clients(), &memory_) {
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
  struct Prepared {
    std::vector<Listener> clients;
    ListedPorts<Incoming>::Change incoming;
    Cookies cookies;
    std::unique_ptr<MappingLog> log;
  };
  /// Settings become ours in two steps, of which the first one changes nothing that runs.
  std::expected<Prepared, Obstacle> prepare(const ConverterSettings& settings);
  Result<void> take(Prepared prepared);
  std::optional<Obstacle> lead_packets(const ConverterSettings& settings,
                                       const ListedPorts<Incoming>::Change& incoming);
  void write_mappings();
  void drain();
  void look_whether_drained();
  ConverterView view();

  std::shared_ptr<const ConverterSettings> settings_;
  MemoryBudget memory_;
  ClientTable clients_;
  FastOpen fast_open_;
  signalling::Octets own_secret_;
  std::unique_ptr<MappingLog> mappings_;  ///< null: none was ever kept
  ConverterShared shared_{.clients = clients_, .supported = {}, .memory = &memory_};
  Service<ConverterPlane> service_of_clients_{[this](relay::Reactor& reactor, bool) {
    return std::make_unique<ConverterPlane>(reactor, settings_, shared_);
  }};
  ClientTable remote_hosts_;
  ListedPorts<Incoming> incoming_{
      key::kIncoming, definition::incoming::kConverterListen, [this](const IncomingPort& entry) {
        return std::make_unique<Incoming>(*settings_, entry, remote_hosts_, memory_);
      }};
  std::optional<Prepared> prepared_;  ///< at the start, until there are threads
  bool leads_packets_ = false;  ///< ConverterPackets are set up: from the first need to the end
  bool draining_ = false;
  Loop::Handle drain_timer_;
  Loop::Handle mappings_timer_;
};

Result<void> Role::open() {
  auto secret = random_secret();
  if (!secret) return std::unexpected(secret.error());
  own_secret_ = *std::move(secret);
  shared_.supported = supported_options();
  fast_open_.enable();
  const auto descriptors = raise_descriptor_limit();
  if (descriptors < 2 * settings_->limits.total)
    log::warning("{} descriptors are enough for {} connections, fewer than the limit of {}",
                 descriptors, descriptors / 2, settings_->limits.total);
  auto prepared = prepare(*settings_);
  if (!prepared) return std::unexpected(prepared.error().error);
  prepared_ = *std::move(prepared);
  return {};
}

Result<void> Role::begin() {
  ANABRANCH_TRY(take(*std::exchange(prepared_, std::nullopt)));
  for (const auto& endpoint : settings_->listen)
    log::info("serves clients on {} with {} workers", endpoint.text(), workers_.size());
  return {};
}

Result<void> Role::put_back() {
  prepared_.reset();
  // Connections end here: what the log has to say of them is written after it.
  incoming_.clear();
  service_of_clients_.end();
  if (mappings_)
    if (const auto written = mappings_->flush(); !written) log::error("{}", written.error().text());
  const auto removed = leads_packets_ ? ConverterPackets::stop() : Result<void>();
  const auto restored = fast_open_.restore();
  return removed ? restored : removed;
}

void Role::write_mappings() {
  if (!mappings_) return;
  if (const auto written = mappings_->flush(); !written) log::error("{}", written.error().text());
  mappings_timer_ = loop_.after(kWriteMappings, [this] { write_mappings(); });
}

std::expected<Role::Prepared, Obstacle> Role::prepare(const ConverterSettings& settings) {
  if (auto obstacle = machine_obstacle(settings)) return std::unexpected(*std::move(obstacle));
  Prepared out;
  auto cookies = cookies_of(settings, own_secret_, shared_.cookies);
  if (!cookies) return std::unexpected(cookies.error());
  out.cookies = *std::move(cookies);
  if (!settings.source.log.empty()) {
    auto log = MappingLog::open(settings.source.log);
    if (!log) return std::unexpected(Obstacle{&key::kSource, &key::source::kLog, log.error()});
    out.log = *std::move(log);
  }
  // Who drains lets nobody in.
  if (draining_) return out;
  // Last, since connections wait at these sockets from now on.
  const auto workers = worker_count(settings.workers);
  auto incoming =
      incoming_.prepare(settings.incoming, {.congestion = settings.congestion}, workers);
  if (!incoming) return std::unexpected(incoming.error());
  out.incoming = *std::move(incoming);
  auto clients = service_of_clients_.open_missing(clients_plan(settings), workers);
  if (!clients)
    return std::unexpected(Obstacle{&key::kConverter, &key::own::kListen, clients.error()});
  out.clients = *std::move(clients);
  if (auto obstacle = lead_packets(settings, out.incoming))
    return std::unexpected(*std::move(obstacle));
  return out;
}

std::optional<Obstacle> Role::lead_packets(const ConverterSettings& settings,
                                           const ListedPorts<Incoming>::Change& incoming) {
  const auto whole = incoming.whole_addresses(settings.listen, {});
  const bool preserves = settings.source.mode == SourceMode::kPreservation;
  if (!preserves && whole.empty() && !leads_packets_) return std::nullopt;
  leads_packets_ = true;
  const auto done = ConverterPackets::lead(whole);
  if (done) return std::nullopt;
  if (preserves) return Obstacle{&key::kSource, &key::source::kMode, done.error()};
  return Obstacle{&key::kIncoming, &definition::incoming::kConverterListen, done.error()};
}

/// Of settings_.
Result<void> Role::take(Prepared prepared) {
  ANABRANCH_TRY(set_workers(settings_->workers));
  shared_.cookies = std::move(prepared.cookies);
  // What was begun in the log ends in it, also when new connections are not written down any more.
  if (prepared.log && mappings_)
    mappings_->go_on_in(std::move(prepared.log));
  else if (prepared.log)
    mappings_ = std::move(prepared.log);
  shared_.mappings = settings_->source.log.empty() ? nullptr : mappings_.get();
  if (!mappings_timer_) write_mappings();
  service_of_clients_.each([&](ConverterPlane& plane) {
    plane.set(settings_);
    plane.set(shared_);
  });
  if (draining_) return {};
  service_of_clients_.listen(clients_plan(*settings_), workers_, std::move(prepared.clients));
  incoming_.apply(std::move(prepared.incoming), workers_);
  for (const auto& incoming : incoming_.all()) incoming->set(*settings_);
  return {};
}

ConverterView Role::view() {
  ConverterView out{.file = file(),
                    .settings = *settings_,
                    .workers = workers_.size(),
                    .draining = draining_,
                    .clients = clients_.clients(),
                    .memory = memory_.used(),
                    .counts = service_of_clients_.counts()};
  if (mappings_) out.mappings_lost = mappings_->lost();
  const auto now = ConverterPool::Time::clock::now();
  for (const auto& incoming : incoming_.all())
    out.incoming.push_back(
        {incoming->port, incoming->pool.view(now).front().reachable, incoming->service.counts()});
  return out;
}

Result<void> Role::read_again() {
  std::optional<Prepared> prepared;
  auto fresh = load_converter_settings(file(), [&](const ConverterSettings& settings) {
    auto done = prepare(settings);
    if (done) prepared = *std::move(done);
    return done ? std::nullopt : std::optional(done.error());
  });
  if (!fresh) return std::unexpected(fresh.error());
  settings_ = std::make_shared<const ConverterSettings>(*std::move(fresh));
  memory_.set(settings_->limits.memory);
  clients_.set(settings_->limits.of_clients());
  remote_hosts_.set(settings_->limits.of_clients());
  return take(*std::move(prepared));
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
  ANABRANCH_TRY(ConverterPackets::stop());
  return FastOpen(runtime_directory() / "converter.sysctls", FastOpen::kServer).restore();
}

Result<void> run_converter(const std::filesystem::path& file) {
  auto settings = load_converter_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

}  // namespace anabranch::proxy
