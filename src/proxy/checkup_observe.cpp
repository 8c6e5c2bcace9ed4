// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/address_scope.hpp"
#include "kernel/mptcp_counters.hpp"
#include "kernel/mptcp_socket.hpp"
#include "kernel/route_lookup.hpp"
#include "kernel/stream_socket.hpp"
#include "kernel/sysctl.hpp"
#include "proxy/checkup.hpp"
#include "proxy/interception.hpp"
#include "proxy/listening.hpp"
#include "signalling/convert.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::chrono::milliseconds kPatience{2000};
/// With a cookie: of several converters behind one address each gets its turn.
constexpr int kWithCookie = 4;

unsigned number(const std::string& key) {
  unsigned out = 0;
  if (const auto text = kernel::read_sysctl(key))
    std::from_chars(text->data(), text->data() + text->size(), out);
  return out;
}

/// Of one connection that asks who answers there.
struct Asked {
  std::string fault = {};  ///< empty: it answers
  bool mptcp = false;
  signalling::Octets cookie = {};
  bool cookie_refused = false;
};

bool ready(int fd, short events, std::chrono::steady_clock::time_point until) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  pollfd one{fd, events, 0};
  return ::poll(&one, 1, static_cast<int>(std::max(left.count(), std::int64_t{0}))) == 1;
}

std::string text_of(int error) {
  return std::generic_category().message(error);
}

Asked ask(const Endpoint& converter, const IpAddress& from, const signalling::Octets& cookie) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto fd = kernel::open_stream_socket(from.family(), kernel::Transport::kMptcp);
  if (!fd) return {.fault = fd.error().what};
  if (const auto own = kernel::connect_from(fd->get(), from); !own)
    return {.fault = own.error().what};
  if (const auto begun = kernel::begin_connect(fd->get(), converter, {}); begun.error != 0)
    return {.fault = text_of(begun.error)};
  if (!ready(fd->get(), POLLOUT, until)) return {.fault = "no answer to a SYN"};
  if (const int error = kernel::take_error(fd->get()); error != 0) return {.fault = text_of(error)};
  const auto initiator = signalling::convert_inquiry({.cookie = cookie});
  const auto words = initiator->opening({});
  if (::send(fd->get(), words.data(), words.size(), MSG_NOSIGNAL) < 0)
    return {.fault = text_of(errno)};
  signalling::Octets heard;
  std::array<std::uint8_t, signalling::kMaxSetupOctets> buffer;
  while (ready(fd->get(), POLLIN, until)) {
    const auto got = ::recv(fd->get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return {.fault = text_of(errno)};
    if (got == 0) return {.fault = "closes without an answer"};
    heard.insert(heard.end(), buffer.begin(), buffer.begin() + got);
    const bool mptcp = kernel::is_mptcp(fd->get());
    const auto said = initiator->hear(heard);
    if (std::holds_alternative<signalling::Accepted>(said)) return {.mptcp = mptcp};
    if (const auto* failed = std::get_if<signalling::Failed>(&said))
      return {
          .fault = failed->peer_unusable ? "is no converter: " + failed->reason : failed->reason,
          .mptcp = mptcp,
          .cookie = failed->cookie,
          .cookie_refused = failed->cookie_refused};
  }
  return {.fault = "takes the connection and says nothing"};
}

void ask(Reach& reach) {
  auto asked = ask(reach.endpoint, reach.from, {});
  if (!asked.cookie.empty()) {
    const auto cookie = std::exchange(asked.cookie, {});
    for (int i = 0; i < kWithCookie && !reach.cookie_refused; ++i) {
      asked = ask(reach.endpoint, reach.from, cookie);
      reach.cookie_refused = asked.cookie_refused || !asked.cookie.empty();
    }
  }
  reach.answers = asked.fault.empty();
  reach.mptcp = asked.mptcp;
  reach.answer = reach.answers ? "answers by MPTCP" : asked.fault;
}

}  // namespace

MachineFacts observe_machine(const std::string& congestion,
                             const std::vector<std::string>& interfaces) {
  MachineFacts out;
  out.mptcp = kernel::mptcp_available();
  out.fast_open = number("net/ipv4/tcp_fastopen");
  out.blackhole_timeout = kernel::read_sysctl("net/mptcp/blackhole_timeout").value_or("not there");
  const auto counters = kernel::mptcp_counters();
  if (const auto found = counters.find("Blackhole"); found != counters.end())
    out.blackholes = found->second;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) out.descriptors = limit.rlim_max;
  if (const auto there = congestion_control_there(congestion); !there)
    out.congestion_refused = there.error().what;
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return out;
  if (auto rules = netlink->rules()) out.rules = *std::move(rules);
  const auto links = netlink->links();
  for (const auto& link : links.value_or(std::vector<kernel::LinkInfo>())) {
    const bool named = std::ranges::find(interfaces, link.name) != interfaces.end();
    if (link.loopback || (!named && !interfaces.empty())) continue;
    const auto conf = "net/ipv4/conf/" + link.name;
    out.reverse_path_filter[link.name] = number(conf + "/rp_filter");
    out.source_mark_in_check[link.name] = number(conf + "/src_valid_mark");
  }
  out.reverse_path_filter["all"] = number("net/ipv4/conf/all/rp_filter");
  out.source_mark_in_check["all"] = number("net/ipv4/conf/all/src_valid_mark");
  out.lan = prefixes_of(interfaces);
  return out;
}

std::vector<Reach> observe_reach(const CpeSettings& settings) {
  std::vector<Reach> out;
  auto netlink = kernel::Rtnetlink::open();
  auto lookup = kernel::RouteLookup::open();
  if (!netlink || !lookup) return out;
  std::map<unsigned, std::string> names;
  const auto links = netlink->links();
  for (const auto& link : links.value_or(std::vector<kernel::LinkInfo>()))
    if (!link.loopback) names[link.index] = link.name;
  const auto addresses = netlink->addresses();
  for (const auto& one : addresses.value_or(std::vector<kernel::Address>())) {
    const auto& from = one.prefix.address();
    const auto name = names.find(one.ifindex);
    const bool unfit = one.deprecated || one.tentative || one.duplicate || !is_global(from);
    if (name == names.end() || unfit ||
        std::ranges::find(settings.lan, name->second) != settings.lan.end())
      continue;
    for (const auto& converter : settings.converters) {
      if (converter.endpoint.address.family() != from.family()) continue;
      Reach reach{.converter = converter.name,
                  .endpoint = converter.endpoint,
                  .from = from,
                  .interface = name->second,
                  .leaves_by = {},
                  .answer = {}};
      const auto answer = lookup->ask({.to = converter.endpoint.address, .from = from});
      if (answer && names.contains(answer->ifindex)) reach.leaves_by = names[answer->ifindex];
      if (reach.leaves_by == reach.interface) ask(reach);
      out.push_back(std::move(reach));
    }
  }
  return out;
}

std::vector<Check> check_cpe(const CpeSettings& settings) {
  return judge_cpe(settings, observe_machine(settings.congestion, settings.lan),
                   observe_reach(settings));
}

std::vector<Check> check_converter(const ConverterSettings& settings) {
  return judge_converter(settings, observe_machine(settings.congestion, {}));
}

}  // namespace anabranch::proxy
