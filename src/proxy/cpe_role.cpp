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
#include "proxy/cpe_setting_definitions.hpp"
#include "proxy/dhcp_converters.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/incoming.hpp"
#include "proxy/interception.hpp"
#include "proxy/listed_ports.hpp"
#include "proxy/local_plane.hpp"
#include "proxy/name_resolver.hpp"
#include "proxy/own_sockets.hpp"
#include "proxy/role_runtime.hpp"
#include "proxy/rules_in_the_way.hpp"
#include "proxy/service.hpp"

namespace anabranch::proxy {
namespace {

namespace key = definition::cpe;

constexpr std::string_view kName = "cpe";

/// An [[incoming]] port. `asked`: of the role, as it is when a plane is made.
struct Incoming {
  Incoming(const IncomingPort& entry, const std::shared_ptr<const ConverterSettings>& asked,
           ClientTable& converters, MemoryBudget& memory)
      : port(entry),
        shared{.clients = converters, .supported = {}, .memory = &memory, .deliver_to = entry.to},
        service([this, &asked](relay::Reactor& reactor, bool) {
          return std::make_unique<ConverterPlane>(reactor, asked, shared);
        }) {}

  IncomingPort port;
  Endpoint listens;
  ConverterShared shared;
  Service<ConverterPlane> service;
};

/// A [[local]]. `settings`: of the role, as they are when a plane is made.
struct Local {
  Local(const LocalDoorSettings& entry, const std::shared_ptr<const CpeSettings>& settings,
        const CpeShared& shared, NameResolver& names, CpeCounts& of_gone)
      : port(entry),
        door(entry, shared.memory),
        gone(of_gone),
        service([this, &settings, &shared, &names](relay::Reactor& reactor, bool) {
          return std::make_unique<LocalPlane>(reactor, settings, shared, names, door, users);
        }) {}
  ~Local() {
    service.end();
    gone += service.counts().tried;
  }
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;

  LocalDoorSettings port;
  Endpoint listens;
  LocalPlane::Users users;
  LocalDoor door;
  CpeCounts& gone;
  Service<LocalPlane> service;
};

void warn_of_rules(const CpeSettings& settings) {
  for (const auto& rule : Interception::rules_in_the_way(settings))
    log::warning(
        "the rule \"{}\" comes before ours and may take packets of connections that we take, which "
        "then hang; anabranch doctor says more",
        rule_text(rule));
}

class Role final : public RoleRuntime {
 public:
  Role(const std::filesystem::path& file, bool single, CpeSettings settings)
      : RoleRuntime(kName, file),
        single_(single),
        settings_(std::make_shared<const CpeSettings>(std::move(settings))),
        pool_(settings_->converters, settings_->retry),
        memory_(settings_->limits.memory),
        hosts_(settings_->limits.of_hosts(), &memory_),
        fast_open_(runtime_directory() / "cpe.sysctls", FastOpen::kClient),
        fast_open_incoming_(runtime_directory() / "cpe-incoming.sysctls", FastOpen::kServer),
        asked_(asked_settings(*settings_)),
        converters_(asked_->limits.of_clients(), &memory_) {}

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
  struct Prepared {
    std::vector<Listener> hosts;
    ListedPorts<Incoming>::Change incoming;
    ListedPorts<Local>::Change local;
    std::vector<LocalPlane::Users> local_users;  ///< of each
    std::vector<WholeAddress> whole_addresses;
  };
  /// Settings become ours in two steps, of which the first one changes nothing that runs.
  std::expected<Prepared, Obstacle> prepare(const CpeSettings& settings) const;
  /// prepare(), and the rules of nft: the last that can go wrong.
  std::optional<Obstacle> try_out(const CpeSettings& settings,
                                  std::optional<Prepared>& prepared) const;
  Result<void> adopt(CpeSettings settings, Prepared prepared);
  Result<void> take(Prepared prepared);
  void converters_told();
  Result<UniqueFd> choose_port();
  ListeningPlan hosts_plan(const CpeSettings& settings) const;
  std::optional<Obstacle> prepare_local(const CpeSettings& settings, Prepared& prepared) const;
  /// With what comes from elsewhere than the file.
  CpeSettings completed(CpeSettings settings) const;
  CpeView view();

  bool single_;  ///< told so by the command line
  std::shared_ptr<const CpeSettings> settings_;
  DhcpConverters dhcp_{loop_, [this] { converters_told(); }};
  ConverterPool pool_;
  MptcpServers mptcp_servers_;
  MemoryBudget memory_;
  ClientTable hosts_;
  CpeShared shared_{
      .pool = pool_, .mptcp_servers = mptcp_servers_, .hosts = &hosts_, .memory = &memory_};
  FastOpen fast_open_;
  FastOpen fast_open_incoming_;
  std::optional<Prepared> prepared_;  ///< at the start, until there are threads
  std::vector<Endpoint> endpoints_;   ///< that taken connections are led to
  Service<CpePlane> service_of_hosts_{[this](relay::Reactor& reactor, bool first) {
    return std::make_unique<CpePlane>(reactor, settings_, shared_, first);
  }};
  std::shared_ptr<const ConverterSettings> asked_;  ///< for incoming connections
  ClientTable converters_;
  ListedPorts<Incoming> incoming_{
      key::kIncoming, definition::incoming::kCpeListen, [this](const IncomingPort& entry) {
        return std::make_unique<Incoming>(entry, asked_, converters_, memory_);
      }};
  NameResolver names_;
  CpeCounts of_gone_doors_;
  ListedPorts<Local> local_{definition::local::kLocal, definition::local::kListen,
                            [this](const LocalDoorSettings& entry) {
                              return std::make_unique<Local>(entry, settings_, shared_, names_,
                                                             of_gone_doors_);
                            }};
};

Result<void> Role::open() {
  if (!kernel::mptcp_available())
    return fail("there is no MPTCP here", {}, "net.mptcp.enabled=1, and a kernel that has it",
                ExitCode::kNotPermitted);
  fast_open_.enable();
  if (!settings_->incoming.empty()) fast_open_incoming_.enable();
  raise_descriptor_limit();
  const auto first = choose_port();
  if (!first) return std::unexpected(first.error());
  auto prepared = prepare(*settings_);
  if (!prepared) return std::unexpected(prepared.error().error);
  prepared_ = *std::move(prepared);
  return {};
}

Result<void> Role::begin() {
  const auto whole_addresses = prepared_->whole_addresses;
  ANABRANCH_TRY(take(*std::exchange(prepared_, std::nullopt)));
  ANABRANCH_TRY(Interception::start(*settings_, endpoints_.front().port, whole_addresses));
  warn_of_rules(*settings_);
  log::info("takes connections with {} workers, {} converters", workers_.size(),
            settings_->converters.size());
  dhcp_.follow(settings_->converters_from_dhcp);
  return {};
}

Result<void> Role::put_back() {
  // First of all, so that new connections go direct.
  const auto stopped = Interception::stop();
  prepared_.reset();
  incoming_.clear();
  local_.clear();
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
  const auto options = hosts_plan(*settings_).options;
  auto first = listen_on_loopback(Family::kIpv4, options);
  if (!first) return std::unexpected(first.error());
  endpoints_ = {first->endpoint};
  const Endpoint ipv6{IpAddress::parse("::1").value(), first->endpoint.port};
  if (const auto second = kernel::listen_on(ipv6, options))
    endpoints_.push_back(ipv6);
  else
    log::warning("IPv6 connections are left alone: {}", second.error().text());
  return std::move(first->fd);
}

ListeningPlan Role::hosts_plan(const CpeSettings& settings) const {
  return {endpoints_, {.congestion = settings.congestion, .transparent = true}};
}

std::expected<Role::Prepared, Obstacle> Role::prepare(const CpeSettings& settings) const {
  if (const auto there = congestion_control_there(settings.congestion); !there)
    return std::unexpected(Obstacle{&key::kCpe, &definition::relayed::kCongestion, there.error()});
  Prepared out;
  const auto workers = worker_count(settings.workers);
  auto hosts = service_of_hosts_.open_missing(hosts_plan(settings), workers);
  if (!hosts) return std::unexpected(Obstacle{&key::kCpe, &key::own::kWorkers, hosts.error()});
  out.hosts = *std::move(hosts);
  auto incoming = incoming_.prepare(settings.incoming,
                                    {.transport = kernel::Transport::kMptcp,
                                     .congestion = settings.congestion,
                                     .fast_open = true},
                                    workers);
  if (!incoming) return std::unexpected(incoming.error());
  out.incoming = *std::move(incoming);
  if (auto obstacle = prepare_local(settings, out)) return std::unexpected(*std::move(obstacle));
  if (settings.single)
    if (const auto mount = cgroup_mount(*settings.single); !mount)
      return std::unexpected(
          Obstacle{&definition::single::kSingle, &definition::single::kCgroups, mount.error()});
  std::vector<IpAddress> converters;
  for (const auto& converter : settings.converters)
    converters.push_back(converter.endpoint.address);
  out.whole_addresses = out.incoming.whole_addresses({}, converters);
  return out;
}

std::optional<Obstacle> Role::prepare_local(const CpeSettings& settings, Prepared& prepared) const {
  using definition::local::kLocal;
  auto local = local_.prepare(settings.local, {.congestion = settings.congestion},
                              worker_count(settings.workers));
  if (!local) return local.error();
  prepared.local = *std::move(local);
  for (const auto& entry : settings.local) {
    auto users = entry.users.empty() ? LocalUsers() : load_local_users(entry.users);
    if (!users)
      return Obstacle{&kLocal, &definition::local::kUsers, users.error(),
                      prepared.local_users.size()};
    prepared.local_users.push_back(std::make_shared<const LocalUsers>(*std::move(users)));
  }
  return std::nullopt;
}

/// Of settings_.
Result<void> Role::take(Prepared prepared) {
  ANABRANCH_TRY(set_workers(settings_->workers));
  service_of_hosts_.each([&](CpePlane& plane) { plane.set(settings_); });
  service_of_hosts_.listen(hosts_plan(*settings_), workers_, std::move(prepared.hosts));
  incoming_.apply(std::move(prepared.incoming), workers_);
  for (const auto& incoming : incoming_.all())
    incoming->service.each([&](ConverterPlane& plane) { plane.set(asked_); });
  for (std::size_t i = 0; i < prepared.local.ports.size(); ++i)
    prepared.local.ports[i].port().users = std::move(prepared.local_users[i]);
  local_.apply(std::move(prepared.local), workers_);
  local_.each([&](const Local& local) {
    local.service.each([&](LocalPlane& plane) { plane.set(settings_, local.users); });
  });
  return {};
}

CpeView Role::view() {
  CpeView out{.file = file(),
              .settings = *settings_,
              .workers = workers_.size(),
              .port = endpoints_.empty() ? std::uint16_t{0} : endpoints_.front().port,
              .converters = pool_.view(ConverterPool::Time::clock::now()),
              .host_roles = dhcp_.hosts(),
              .hosts = hosts_.clients(),
              .memory = memory_.used(),
              .packets = {},
              .counts = service_of_hosts_.counts()};
  if (auto packets = Interception::counters()) out.packets = *std::move(packets);
  for (const auto& incoming : incoming_.all())
    out.incoming.push_back({.port = incoming->port, .counts = incoming->service.counts()});
  out.counts += of_gone_doors_;
  local_.each([&](const Local& local) { out.counts += local.service.counts().tried; });
  for (const auto& local : local_.all())
    out.local.push_back({.settings = local->port,
                         .connections = local->door.clients.connections(),
                         .counts = local->service.counts()});
  return out;
}

CpeSettings Role::completed(CpeSettings settings) const {
  // Running connections are led here by the rules of [single].
  if (settings.single.has_value() != settings_->single.has_value())
    settings.single = settings_->single;
  return dhcp_.completed(std::move(settings));
}

Result<void> Role::read_again() {
  std::optional<Prepared> prepared;
  auto fresh = load_cpe_settings(
      file(), [&](const CpeSettings& settings) { return try_out(completed(settings), prepared); },
      single_);
  if (!fresh) return std::unexpected(fresh.error());
  if (fresh->single.has_value() != settings_->single.has_value())
    log::warning("[single] comes and goes at the next start only");
  ANABRANCH_TRY(adopt(completed(*std::move(fresh)), *std::move(prepared)));
  dhcp_.follow(settings_->converters_from_dhcp);
  warn_of_rules(*settings_);
  return {};
}

/// DHCP names others, or none any more.
void Role::converters_told() {
  auto fresh = dhcp_.completed(*settings_);
  std::optional<Prepared> prepared;
  const auto obstacle = try_out(fresh, prepared);
  const auto done =
      obstacle ? std::unexpected(obstacle->error) : adopt(std::move(fresh), *std::move(prepared));
  if (!done) log::error("{}", done.error().text());
}

std::optional<Obstacle> Role::try_out(const CpeSettings& settings,
                                      std::optional<Prepared>& prepared) const {
  auto done = prepare(settings);
  if (!done) return done.error();
  const auto changed =
      Interception::change(settings, endpoints_.front().port, done->whole_addresses);
  if (!changed) return Obstacle{&key::kCpe, &key::own::kLan, changed.error()};
  prepared = *std::move(done);
  return std::nullopt;
}

Result<void> Role::adopt(CpeSettings settings, Prepared prepared) {
  settings_ = std::make_shared<const CpeSettings>(std::move(settings));
  pool_.set(settings_->converters, settings_->retry);
  asked_ = asked_settings(*settings_);
  memory_.set(settings_->limits.memory);
  hosts_.set(settings_->limits.of_hosts());
  converters_.set(asked_->limits.of_clients());
  if (!settings_->incoming.empty()) fast_open_incoming_.enable();
  return take(std::move(prepared));
}

bool Role::leave_idle() {
  const bool hosts = service_of_hosts_.leave_idle(workers_);
  const bool local = local_.leave_idle(workers_);
  return incoming_.leave_idle(workers_) || hosts || local;
}

}  // namespace

Result<void> run_cpe(const std::filesystem::path& file, bool single) {
  auto settings = load_cpe_settings(file, {}, single);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, single, *std::move(settings)).run();
}

Result<void> clean_up_cpe() {
  ANABRANCH_TRY(not_running(kName));
  ANABRANCH_TRY(Interception::stop());
  ANABRANCH_TRY(
      FastOpen(runtime_directory() / "cpe-incoming.sysctls", FastOpen::kServer).restore());
  return FastOpen(runtime_directory() / "cpe.sysctls", FastOpen::kClient).restore();
}

}  // namespace anabranch::proxy
