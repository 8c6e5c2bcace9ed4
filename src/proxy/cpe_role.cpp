// SPDX-License-Identifier: MIT
#include "proxy/cpe_role.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "kernel/mptcp_socket.hpp"
#include "proxy/cpe_plane.hpp"
#include "proxy/cpe_report.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/incoming.hpp"
#include "proxy/interception.hpp"
#include "proxy/role_runtime.hpp"
#include "proxy/service.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::string_view kName = "cpe";

/// An [[incoming]] port.
struct Incoming {
  Incoming(const IncomingPort& entry, const std::shared_ptr<const ConverterSettings>& asked,
           ClientTable& converters)
      : port(entry),
        shared{.clients = converters, .supported = {}, .deliver_to = entry.to},
        service([this, &asked](relay::Reactor& reactor, bool) {
          return std::make_unique<ConverterPlane>(reactor, asked, shared);
        }) {}

  IncomingPort port;
  ConverterShared shared;
  Service<ConverterPlane> service;
};

class Role final : public RoleRuntime {
 public:
  Role(const std::filesystem::path& file, CpeSettings settings)
      : RoleRuntime(kName, file),
        settings_(std::make_shared<const CpeSettings>(std::move(settings))),
        pool_(settings_->converters, settings_->retry),
        fast_open_(runtime_directory() / "cpe.sysctls", FastOpen::kClient),
        fast_open_incoming_(runtime_directory() / "cpe-incoming.sysctls", FastOpen::kServer),
        asked_(asked_settings(*settings_)),
        converters_(asked_->limits) {}

 private:
  Result<void> open() override;
  Result<void> begin() override;
  Result<void> put_back() override;
  Result<void> read_again() override;
  bool leave_idle() override;
  std::string report() override { return cpe_report_json(view()); }
  std::vector<status::Metric> metrics() override { return cpe_metrics(view()); }
  const std::optional<status::MetricsAddress>& metrics_address() const override {
    return settings_->metrics;
  }

  /// What new settings need and what is not there yet.
  struct Listening {
    Workers workers;
    std::vector<Listener> hosts;
    IncomingPorts<Incoming>::Change incoming;
  };
  Result<UniqueFd> choose_port();
  ListeningPlan hosts_plan(const CpeSettings& settings) const;
  Result<Listening> prepare(const CpeSettings& settings) const;
  void listen(Listening listening);
  CpeView view();

  std::shared_ptr<const CpeSettings> settings_;
  ConverterPool pool_;
  MptcpServers mptcp_servers_;
  CpeShared shared_{pool_, mptcp_servers_};
  FastOpen fast_open_;
  FastOpen fast_open_incoming_;
  std::vector<Endpoint> endpoints_;  ///< that taken connections are led to
  Service<CpePlane> service_of_hosts_{[this](relay::Reactor& reactor, bool first) {
    return std::make_unique<CpePlane>(reactor, settings_, shared_, first);
  }};
  std::shared_ptr<const ConverterSettings> asked_;  ///< for incoming connections
  ClientTable converters_;
  IncomingPorts<Incoming> incoming_{[this](const IncomingPort& entry) {
    return std::make_unique<Incoming>(entry, asked_, converters_);
  }};
};

Result<void> Role::open() {
  if (!kernel::mptcp_available())
    return fail("there is no MPTCP here", {}, "net.mptcp.enabled=1, and a kernel that has it",
                ExitCode::kNotPermitted);
  fast_open_.enable();
  if (!settings_->incoming.empty()) fast_open_incoming_.enable();
  raise_descriptor_limit();
  return {};
}

Result<void> Role::begin() {
  const auto first = choose_port();
  if (!first) return std::unexpected(first.error());
  auto prepared = prepare(*settings_);
  if (!prepared) return std::unexpected(prepared.error());
  listen(*std::move(prepared));
  ANABRANCH_TRY(Interception::start(*settings_, endpoints_.front().port));
  log::info("takes connections with {} workers, {} converters", workers_.size(),
            settings_->converters.size());
  return {};
}

Result<void> Role::put_back() {
  // First of all, so that new connections go direct.
  const auto stopped = Interception::stop();
  incoming_.clear();
  service_of_hosts_.end();
  // In the opposite order of how they were set.
  const auto other = fast_open_incoming_.restore();
  const auto restored = fast_open_.restore();
  if (!stopped) return stopped;
  return other ? restored : other;
}

/// One port for both families and all workers, which the kernel chooses: ours while the socket that
/// is returned, or another one of ours, is open.
Result<UniqueFd> Role::choose_port() {
  const auto ipv4 = IpAddress::parse("127.0.0.1").value();
  const auto ipv6 = IpAddress::parse("::1").value();
  auto first = kernel::listen_on({ipv4, 0}, hosts_plan(*settings_).options);
  if (!first) return first;
  const auto port = kernel::own_endpoint(first->get()).value_or(Endpoint()).port;
  endpoints_ = {{ipv4, port}};
  if (const auto second = kernel::listen_on({ipv6, port}, hosts_plan(*settings_).options))
    endpoints_.push_back({ipv6, port});
  else
    log::warning("IPv6 connections are left alone: {}", second.error().text());
  return first;
}

ListeningPlan Role::hosts_plan(const CpeSettings& settings) const {
  return {endpoints_, {.congestion = settings.congestion, .transparent = true}};
}

Result<Role::Listening> Role::prepare(const CpeSettings& settings) const {
  Listening out{.workers = workers_, .hosts = {}, .incoming = {}};
  ANABRANCH_TRY(resize(out.workers, worker_count(settings.workers)));
  auto hosts = service_of_hosts_.open_missing(hosts_plan(settings), out.workers.size());
  if (!hosts) return std::unexpected(hosts.error());
  out.hosts = *std::move(hosts);
  auto incoming = incoming_.prepare(settings.incoming,
                                    {.transport = kernel::Transport::kMptcp,
                                     .congestion = settings.congestion,
                                     .fast_open = true},
                                    out.workers.size());
  if (!incoming) return std::unexpected(incoming.error());
  out.incoming = *std::move(incoming);
  return out;
}

void Role::listen(Listening listening) {
  workers_ = std::move(listening.workers);
  service_of_hosts_.listen(hosts_plan(*settings_), workers_, std::move(listening.hosts));
  incoming_.apply(std::move(listening.incoming), workers_);
}

CpeView Role::view() {
  CpeView out{.file = file(),
              .settings = *settings_,
              .workers = workers_.size(),
              .port = endpoints_.empty() ? std::uint16_t{0} : endpoints_.front().port,
              .converters = pool_.view(ConverterPool::Time::clock::now()),
              .packets = {},
              .counts = service_of_hosts_.counts()};
  if (auto packets = Interception::counters()) out.packets = *std::move(packets);
  for (const auto& incoming : incoming_.all())
    out.incoming.push_back({.port = incoming->port, .counts = incoming->service.counts()});
  return out;
}

Result<void> Role::read_again() {
  auto fresh = load_cpe_settings(file());
  if (!fresh) return std::unexpected(fresh.error());
  auto prepared = prepare(*fresh);
  if (!prepared) return std::unexpected(prepared.error());
  ANABRANCH_TRY(Interception::change(*fresh, endpoints_.front().port));
  settings_ = std::make_shared<const CpeSettings>(*std::move(fresh));
  pool_.set(settings_->converters, settings_->retry);
  asked_ = asked_settings(*settings_);
  if (!settings_->incoming.empty()) fast_open_incoming_.enable();
  service_of_hosts_.each([&](CpePlane& plane) { plane.set(settings_); });
  for (const auto& incoming : incoming_.all())
    incoming->service.each([&](ConverterPlane& plane) { plane.set(asked_); });
  listen(*std::move(prepared));
  return {};
}

bool Role::leave_idle() {
  const bool hosts = service_of_hosts_.leave_idle(workers_);
  return incoming_.leave_idle(workers_) || hosts;
}

}  // namespace

Result<void> run_cpe(const std::filesystem::path& file) {
  auto settings = load_cpe_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

Result<void> clean_up_cpe() {
  ANABRANCH_TRY(not_running(kName));
  ANABRANCH_TRY(Interception::stop());
  ANABRANCH_TRY(
      FastOpen(runtime_directory() / "cpe-incoming.sysctls", FastOpen::kServer).restore());
  return FastOpen(runtime_directory() / "cpe.sysctls", FastOpen::kClient).restore();
}

}  // namespace anabranch::proxy
