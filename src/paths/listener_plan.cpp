// SPDX-License-Identifier: MIT
#include "paths/listener_plan.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace anabranch::paths {
namespace {

void open(const Endpoint& endpoint, std::vector<Action>& out) {
  out.push_back({.reason = "listener-needed", .what = action::OpenListener{endpoint}});
}

void wake(std::set<Token>& waiting, std::vector<Token>& out) {
  out.insert(out.end(), waiting.begin(), waiting.end());
  waiting.clear();
}

}  // namespace

ListenerPlan::Place ListenerPlan::place(Token token, const Endpoint& wanted, Want& want) {
  switch (want.known) {
    case Known::kCovered:
      return {Place::State::kCovered, 0};
    case Known::kOurs: {
      auto& own = own_[{wanted.address, want.port}];
      own.users.insert(token);
      own.idle_since.reset();
      return {Place::State::kOurs, want.port};
    }
    case Known::kNone:
      return {Place::State::kNone, 0};
    case Known::kAsked:
    case Known::kOpeningSame:
    case Known::kOpeningAny:
      want.waiting.insert(token);
      break;
  }
  return {};
}

ListenerPlan::Place ListenerPlan::find(Token token, const Endpoint& wanted,
                                       std::vector<Action>& out) {
  const auto [at, fresh] = wants_.try_emplace(wanted);
  if (fresh) out.push_back({.reason = "listener-known", .what = action::AskListening{wanted}});
  return place(token, wanted, at->second);
}

ListenerPlan::Place ListenerPlan::find_any(Token token, const IpAddress& address,
                                           std::vector<Action>& out) {
  const Endpoint wanted{address, 0};
  const auto [at, fresh] = wants_.try_emplace(wanted);
  if (fresh) open_any(wanted, at->second, out);
  return place(token, wanted, at->second);
}

/// One listener on a port of the kernel's choice serves everything that needs one at the address.
void ListenerPlan::open_any(const Endpoint& wanted, Want& want, std::vector<Action>& out) {
  want.known = Known::kOpeningAny;
  for (const auto& [other, state] : wants_) {
    if (other.address != wanted.address || &state == &want) continue;
    if (state.known == Known::kOpeningAny) return;  // its answer is ours too
    if (state.known != Known::kOurs || state.port == other.port) continue;
    want.known = Known::kOurs;
    want.port = state.port;
    return;
  }
  open({wanted.address, 0}, out);
}

void ListenerPlan::opened(const Endpoint& wanted, Want& want, std::uint16_t port,
                          std::vector<Token>& waited) {
  want.known = Known::kOurs;
  want.port = port;
  // Whoever waited may have gone meanwhile: then the listener is idle from the start.
  own_.try_emplace({wanted.address, port}, Own{{}, MonotonicTime{}});
  wake(want.waiting, waited);
}

std::vector<Token> ListenerPlan::answered(const input::Listening& answer,
                                          std::vector<Action>& out) {
  std::vector<Token> waited;
  const auto& endpoint = answer.endpoint;
  if (const auto at = wants_.find(endpoint); at != wants_.end() && endpoint.port != 0) {
    Want& want = at->second;
    if (want.known == Known::kAsked) {
      if (answer.listens) {
        want.known = Known::kCovered;
        wake(want.waiting, waited);
      } else {
        want.known = Known::kOpeningSame;
        open(endpoint, out);
      }
      return waited;
    }
    if (want.known == Known::kOpeningSame) {
      if (answer.listens) {
        opened(endpoint, want, endpoint.port, waited);
      } else {
        open_any(endpoint, want, out);
        if (want.known == Known::kOurs) wake(want.waiting, waited);
      }
      return waited;
    }
  }
  for (auto& [wanted, want] : wants_) {
    if (wanted.address != endpoint.address || want.known != Known::kOpeningAny) continue;
    if (answer.listens) {
      opened(wanted, want, endpoint.port, waited);
    } else {
      want.known = Known::kNone;
      wake(want.waiting, waited);
    }
  }
  return waited;
}

void ListenerPlan::listener_changed(std::uint16_t port) {
  std::erase_if(wants_, [&](const auto& entry) {
    return entry.first.port == port &&
           (entry.second.known == Known::kCovered || entry.second.known == Known::kNone);
  });
}

void ListenerPlan::forget_listeners() {
  std::erase_if(wants_, [](const auto& entry) {
    return entry.second.known == Known::kCovered || entry.second.known == Known::kNone;
  });
}

void ListenerPlan::address_changed(const IpAddress& address) {
  std::erase_if(wants_, [&](const auto& entry) {
    return entry.first.address == address &&
           (entry.second.known == Known::kCovered || entry.second.known == Known::kNone);
  });
}

void ListenerPlan::release(Token token, const IpAddress& address, MonotonicTime now) {
  for (auto& [wanted, want] : wants_)
    if (wanted.address == address) want.waiting.erase(token);
  for (auto& [endpoint, own] : own_) {
    if (endpoint.address != address || own.users.erase(token) == 0) continue;
    if (own.users.empty()) own.idle_since = now;
  }
}

void ListenerPlan::release(Token token, MonotonicTime now) {
  for (auto& [wanted, want] : wants_) want.waiting.erase(token);
  for (auto& [endpoint, own] : own_)
    if (own.users.erase(token) != 0 && own.users.empty()) own.idle_since = now;
}

void ListenerPlan::tick(MonotonicTime now, std::vector<Action>& out) {
  for (auto at = own_.begin(); at != own_.end();) {
    const auto& [endpoint, own] = *at;
    if (!own.idle_since || now - *own.idle_since < kLinger) {
      ++at;
      continue;
    }
    out.push_back({.reason = "listener-unused", .what = action::CloseListener{endpoint}});
    std::erase_if(wants_, [&](const auto& entry) {
      return entry.first.address == endpoint.address && entry.second.known == Known::kOurs &&
             entry.second.port == endpoint.port;
    });
    at = own_.erase(at);
  }
}

std::optional<MonotonicTime> ListenerPlan::next() const {
  std::optional<MonotonicTime> out;
  for (const auto& [endpoint, own] : own_)
    if (own.idle_since)
      out = std::min(out.value_or(MonotonicTime::max()), *own.idle_since + kLinger);
  return out;
}

}  // namespace anabranch::paths
