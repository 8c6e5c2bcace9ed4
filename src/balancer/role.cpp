// SPDX-License-Identifier: MIT
#include "balancer/role.hpp"

#include <optional>
#include <thread>

#include <signal.h>

#include "balancer/next_hops.hpp"
#include "balancer/plane_writer.hpp"
#include "balancer/report.hpp"
#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "status/client.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::balancer {
namespace {

/// How often neighbours and routes are looked at.
constexpr seconds kLookInterval{1};
/// Before the first packet is steered servers have this long to be found; at a restart the kernel
/// knows them still.
constexpr milliseconds kFirstLook{2000};
constexpr milliseconds kFirstLookPause{20};

Result<unsigned> interface_index(const std::string& name) {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto link = netlink->link(name);
  if (!link) return std::unexpected(link.error());
  return link->index;
}

class Role {
 public:
  Role(const std::filesystem::path& file, BalancerSettings settings)
      : file_(std::filesystem::absolute(file)), settings_(std::move(settings)) {}

  Result<void> run();

 private:
  Result<void> start();
  Result<void> take_settings();
  Result<NextHops> first_next_hops();
  void keep_looking();
  Result<void> look();
  void tell_changes(const NextHops& found) const;
  Result<void> reload();
  Result<std::string> answer(const status::Request& request);
  Result<std::string> show() const;

  std::filesystem::path file_;
  BalancerSettings settings_;
  Loop loop_;
  status::ServiceManager service_{loop_};
  std::optional<status::Server> server_;
  std::optional<kernel::BalancerPlane> plane_;
  std::optional<PlaneWriter> writer_;
  std::optional<NextHopFinder> finder_;
  ServiceNumbers numbers_;
  NextHops next_hops_;
  PlaneContents contents_;
  Loop::Handle timer_;
};

Result<void> Role::run() {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path("balancer"),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  ANABRANCH_TRY(start());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  keep_looking();
  log::info("steers {} services over {} servers on {} by {}", settings_.vips.size(),
            settings_.servers.size(), settings_.interface, hook_name(settings_.hook));
  log::info("balancer is ready");
  service_.ready();
  loop_.run();
  service_.stopping();
  log::info("balancer ends; the data plane goes on");
  return {};
}

/// The programs are the last to come, when everything is there that they ask for.
Result<void> Role::start() {
  const auto interface = interface_index(settings_.interface);
  if (!interface) return std::unexpected(interface.error());
  auto plane =
      kernel::BalancerPlane::open({.pins = settings_.pins, .connections = settings_.connections});
  if (!plane) return std::unexpected(plane.error());
  plane_ = *std::move(plane);
  writer_.emplace(*plane_);
  auto finder = NextHopFinder::open();
  if (!finder) return std::unexpected(finder.error());
  finder_ = *std::move(finder);
  auto former = writer_->take_over();
  if (!former) return std::unexpected(former.error());
  if (!former->empty()) log::info("takes over a data plane with {} services", former->size());
  numbers_ = *std::move(former);
  auto next_hops = first_next_hops();
  if (!next_hops) return std::unexpected(next_hops.error());
  tell_changes(*next_hops);
  next_hops_ = *std::move(next_hops);
  if (!NextHopFinder::complete(settings_.servers, next_hops_))
    log::warning("not every server's link address is known yet; packets for the others are lost");
  ANABRANCH_TRY(take_settings());
  return plane_->attach(*interface, settings_.hook);
}

Result<NextHops> Role::first_next_hops() {
  const auto deadline = std::chrono::steady_clock::now() + kFirstLook;
  while (true) {
    auto found = finder_->find(settings_.servers);
    if (!found || NextHopFinder::complete(settings_.servers, *found) ||
        std::chrono::steady_clock::now() >= deadline)
      return found;
    std::this_thread::sleep_for(kFirstLookPause);
  }
}

Result<void> Role::take_settings() {
  numbers_ = number_services(settings_.vips, numbers_);
  contents_ = plan(settings_, numbers_, next_hops_);
  return writer_->apply(contents_);
}

void Role::keep_looking() {
  if (const auto done = look(); !done) log::error("{}", done.error().text());
  timer_ = loop_.after(kLookInterval, [this] { keep_looking(); });
}

Result<void> Role::look() {
  auto found = finder_->find(settings_.servers);
  if (!found) return std::unexpected(found.error());
  tell_changes(*found);
  next_hops_ = *std::move(found);
  // Rings take milliseconds to make and do not change by this.
  contents_.servers = plan_servers(settings_, next_hops_);
  return writer_->apply(contents_);
}

void Role::tell_changes(const NextHops& found) const {
  for (const auto& server : settings_.servers)
    for (const auto& address : server.addresses) {
      if (!address) continue;
      const std::pair key{server.id, address->family()};
      const auto now = found.find(key);
      if (now == found.end()) continue;
      const auto text = next_hop_text(now->second);
      const auto before = next_hops_.find(key);
      if (before == next_hops_.end() || next_hop_text(before->second) != text)
        log::info("{} is reached by {} at {}", server.name, address->text(), text);
    }
}

Result<void> Role::reload() {
  const status::ServiceManager::Reload told(service_);
  auto fresh = load_balancer_settings(file_);
  if (!fresh) {
    log::error("the changed file is refused and the old settings stay:\n{}", fresh.error().text());
    return std::unexpected(fresh.error());
  }
  if (fresh->interface != settings_.interface || fresh->hook != settings_.hook ||
      fresh->pins != settings_.pins || fresh->connections != settings_.connections)
    log::warning("interface, hook, pins and connections are taken at the next start only");
  fresh->interface = settings_.interface;
  fresh->hook = settings_.hook;
  fresh->pins = settings_.pins;
  fresh->connections = settings_.connections;
  settings_ = *std::move(fresh);
  // A new server's neighbour entry is to be there before its places are.
  auto found = first_next_hops();
  if (!found) return std::unexpected(found.error());
  tell_changes(*found);
  next_hops_ = *std::move(found);
  if (const auto done = take_settings(); !done) {
    log::error("{}", done.error().text());
    return done;
  }
  log::info("{} read again", file_.string());
  return {};
}

Result<std::string> Role::answer(const status::Request& request) {
  if (request.verb == "show") return show();
  if (request.verb != "reload")
    return fail("the balancer does not know '" + request.verb + "'", {}, "show, subscribe, reload",
                ExitCode::kBadInput);
  if (!request.privileged)
    return fail("only root may tell the balancer to reload", {}, {}, ExitCode::kNotPermitted);
  if (const auto done = reload(); !done) return std::unexpected(done.error());
  return "{}";
}

Result<std::string> Role::show() const {
  BalancerView view{
      .file = file_.string(), .settings = settings_, .numbers = numbers_, .contents = contents_};
  if (!plane_) return fail("the balancer is starting");
  for (const auto& [endpoint, number] : numbers_) {
    const auto counts = plane_->counts(number);
    if (!counts) return std::unexpected(counts.error());
    view.counts.emplace(number, *counts);
  }
  for (const auto& server : settings_.servers) {
    const auto traffic = plane_->traffic(server.id);
    if (!traffic) return std::unexpected(traffic.error());
    view.traffic.emplace(server.id, *traffic);
  }
  return balancer_report_json(view);
}

}  // namespace

Result<void> run_balancer(const std::filesystem::path& file) {
  auto settings = load_balancer_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

Result<void> clean_up_balancer(const std::filesystem::path& file) {
  const auto settings = load_balancer_settings(file);
  if (!settings) return std::unexpected(settings.error());
  if (status::ask(status::socket_path("balancer"), "show"))
    return fail("the balancer runs", {}, "stop it before cleaning up");
  const auto interface = interface_index(settings->interface);
  if (interface) ANABRANCH_TRY(kernel::BalancerPlane::detach(*interface, settings->pins));
  return kernel::BalancerPlane::forget(settings->pins);
}

}  // namespace anabranch::balancer
