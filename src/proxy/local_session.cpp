// SPDX-License-Identifier: MIT
#include "proxy/local_session.hpp"

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "proxy/local_access.hpp"
#include "proxy/local_request.hpp"
#include "signalling/http_connect.hpp"
#include "signalling/socks5.hpp"

namespace anabranch::proxy {
namespace {

using signalling::Verdict;

/// Addresses of one name that are tried, of each family.
constexpr unsigned kMostAddresses = 2;
constexpr std::uint8_t kHostUnreachable = 1;  ///< code of ICMP
const signalling::Outcome kNoName{.verdict = Verdict::kUnreachable, .icmp_code = kHostUnreachable};
const signalling::Outcome kNoAnswer{.verdict = Verdict::kNetworkFailure};
const signalling::Outcome kForbidden{.verdict = Verdict::kNotAuthorized};
const signalling::Outcome kShortage{.verdict = Verdict::kResourceExceeded,
                                    .wait = std::chrono::seconds(1)};

std::unique_ptr<signalling::Acceptor> acceptor_of(const LocalPlane& plane) {
  const auto& door = plane.door.settings;
  if (door.protocol == LocalProtocol::kHttp) return signalling::http_connect_acceptor();
  signalling::Socks5AcceptorSettings settings;
  if (!door.users.empty())
    settings.allowed = [users = plane.users](std::string_view user, std::string_view password) {
      return password_holds(*users, user, password);
    };
  return signalling::socks5_acceptor(std::move(settings));
}

bool is_of_this_machine(const IpAddress& address) {
  const auto fd = kernel::open_stream_socket(address.family(), kernel::Transport::kTcp);
  return fd && kernel::connect_from(fd->get(), address);
}

class WordsOfDoor final : public Asker {
 public:
  WordsOfDoor(Farewells& farewells, std::unique_ptr<signalling::Acceptor> acceptor)
      : farewells_(farewells), acceptor_(std::move(acceptor)) {}

  signalling::Octets established() const override { return acceptor_->answer({}); }
  void failed(UniqueFd client, ClientTable::Ticket ticket,
              const signalling::Outcome& outcome) override {
    farewells_.say(std::move(client), acceptor_->answer(outcome), std::move(ticket));
  }

 private:
  Farewells& farewells_;
  std::unique_ptr<signalling::Acceptor> acceptor_;
};

}  // namespace

LocalSession::LocalSession(LocalPlane& plane, std::uint64_t id, kernel::Accepted accepted,
                           ClientTable::Ticket ticket)
    : plane_(plane),
      id_(id),
      client_(std::move(accepted.fd)),
      peer_(accepted.peer),
      ticket_(std::move(ticket)),
      acceptor_(acceptor_of(plane)) {}

LocalSession::~LocalSession() {
  if (client_) plane_.hosts.reactor.forget(client_.get(), side_);
}

void LocalSession::begin() {
  auto& reactor = plane_.hosts.reactor;
  // The first event tells that there is something to read, if there is.
  if (!reactor.watch(client_.get(), EPOLLIN | EPOLLRDHUP, side_)) return reset("starved");
  reactor.start(deadline_, plane_.hosts.settings->setup);
}

void LocalSession::client_ready(std::uint32_t events) {
  if (!looking_up_) return hear();
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) reset("client-gone");
}

void LocalSession::hear() {
  std::array<std::uint8_t, signalling::kMaxSetupOctets> buffer;
  for (;;) {
    const auto said = acceptor_->hear(heard_);
    if (const auto* request = std::get_if<signalling::Asked>(&said)) return asked(*request);
    if (const auto* refusal = std::get_if<signalling::Refusal>(&said))
      return refusal->reset ? reset(refusal->reason) : leave(refusal->reply, refusal->reason);
    if (const auto* words = std::get_if<signalling::Say>(&said)) {
      if (!say(words->octets)) return;
      continue;
    }
    const auto room = signalling::kMaxSetupOctets - heard_.size();
    if (room == 0) return reset("too-long");
    const auto got = ::recv(client_.get(), buffer.data(), room, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got == 0) return reset("closed-early");
    if (got < 0 && errno != EINTR) return reset("client-gone");
    if (got > 0) heard_.insert(heard_.end(), buffer.begin(), buffer.begin() + got);
  }
}

bool LocalSession::say(const signalling::Octets& octets) {
  const auto sent = ::send(client_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
  // A few octets always fit into an empty socket, or the connection is gone.
  if (sent == static_cast<ssize_t>(octets.size())) return true;
  reset("client-gone");
  return false;
}

void LocalSession::asked(const signalling::Asked& asked) {
  consumed_ = asked.consumed;
  port_ = asked.request.endpoint.port;
  if (asked.request.name.empty()) return serve({asked.request.endpoint.address});
  looking_up_ = true;
  if (!plane_.resolve(asked.request.name, id_)) refuse(kShortage, "names");
}

void LocalSession::resolved(NameResolver::Answer answer) {
  if (!answer.addresses.empty()) return serve(answer.addresses);
  refuse(answer.may_come ? kNoAnswer : kNoName, answer.may_come ? "no-name-server" : "no-name");
}

void LocalSession::serve(const std::vector<IpAddress>& addresses) {
  auto& hosts = plane_.hosts;
  std::vector<Destination> destinations;
  std::array<unsigned, 2> taken{};
  std::string_view why;
  for (const auto& address : addresses) {
    auto& of_family = taken.at(address.is_v4() ? 0 : 1);
    if (of_family == kMostAddresses) continue;
    const Endpoint where{address, port_};
    const auto access = local_access(*hosts.settings, peer_.address, where);
    if (access.rule != nullptr) ++hosts.tally.rules[access.rule->name];
    const bool rejected = access.action == RuleAction::kReject;
    if (rejected || is_of_this_machine(address)) {
      why = rejected ? access.reason : "this-machine";
      continue;
    }
    ++of_family;
    destinations.push_back(
        {where, access.action == RuleAction::kDirect ? access.reason : std::string_view()});
  }
  if (destinations.empty()) return refuse(kForbidden, why);
  hosts.reactor.forget(client_.get(), side_);
  LocalRequest request{
      .client = std::move(client_),
      .peer = peer_,
      .ticket = std::move(ticket_),
      .destinations = std::move(destinations),
      .early = {heard_.begin() + static_cast<std::ptrdiff_t>(consumed_), heard_.end()},
      .asker = std::make_unique<WordsOfDoor>(plane_.farewells, std::move(acceptor_))};
  plane_.remove(id_);
  hosts.serve(std::move(request));
}

void LocalSession::too_late() {
  if (looking_up_) return refuse(kNoAnswer, "no-name-server");
  reset("setup-timeout");
}

void LocalSession::refuse(const signalling::Outcome& outcome, std::string_view name) {
  leave(acceptor_->answer(outcome), name);
}

void LocalSession::leave(const signalling::Octets& words, std::string_view name) {
  ++plane_.tally.outcomes[std::string(name)];
  plane_.hosts.reactor.forget(client_.get(), side_);
  plane_.farewells.say(std::move(client_), words, std::move(ticket_));
  plane_.remove(id_);
}

void LocalSession::reset(std::string_view name) {
  ++plane_.tally.outcomes[std::string(name)];
  kernel::let_close_reset(client_.get());
  plane_.remove(id_);
}

}  // namespace anabranch::proxy
