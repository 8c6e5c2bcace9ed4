// SPDX-License-Identifier: MIT
#include "proxy/name_resolver.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

namespace anabranch::proxy {
namespace {

NameResolver::Answer ask_the_machine(const std::string& name) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name.c_str(), nullptr, &wanted, &found);
  NameResolver::Answer out;
  if (error != 0) {
    out.may_come = error == EAI_AGAIN || error == EAI_SYSTEM || error == EAI_MEMORY;
    return out;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    sockaddr_storage address{};
    std::copy_n(reinterpret_cast<const char*>(one->ai_addr),
                std::min<std::size_t>(one->ai_addrlen, sizeof address),
                reinterpret_cast<char*>(&address));
    if (const auto ip = IpAddress::from_sockaddr(address))
      if (std::ranges::find(out.addresses, ip->unmapped()) == out.addresses.end())
        out.addresses.push_back(ip->unmapped());
  }
  return out;
}

}  // namespace

/// Shared with the threads, which may outlive the resolver.
struct NameResolver::State {
  struct Question {
    std::string name;
    Done done;
  };

  explicit State(LookUp how) : look_up(std::move(how)) {}

  const LookUp look_up;
  std::mutex mutex;
  std::condition_variable more;
  bool closed = false;
  std::size_t threads = 0;
  std::size_t idle = 0;
  std::deque<Question> waiting;

  static void work(const std::shared_ptr<State>& state);
};

void NameResolver::State::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    ++state->idle;
    state->more.wait(lock, [&] { return state->closed || !state->waiting.empty(); });
    --state->idle;
    if (state->closed) return;
    auto question = std::move(state->waiting.front());
    state->waiting.pop_front();
    lock.unlock();
    auto answer = state->look_up(question.name);
    lock.lock();
    // Under the lock: after the resolver's end nobody is called.
    if (!state->closed) question.done(std::move(answer));
  }
}

NameResolver::NameResolver() : NameResolver(ask_the_machine) {}

NameResolver::NameResolver(LookUp look_up) : state_(std::make_shared<State>(std::move(look_up))) {}

NameResolver::~NameResolver() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->waiting.clear();
  state_->more.notify_all();
}

bool NameResolver::resolve(std::string name, Done done) {
  const std::lock_guard lock(state_->mutex);
  auto& state = *state_;
  if (state.waiting.size() >= kMostWaiting) return false;
  if (state.idle <= state.waiting.size() && state.threads < kThreads) {
    try {
      std::thread(State::work, state_).detach();
      ++state.threads;
    } catch (const std::system_error&) {
      // Those that there are do it.
      if (state.threads == 0) return false;
    }
  }
  state.waiting.push_back({std::move(name), std::move(done)});
  state.more.notify_one();
  return true;
}

}  // namespace anabranch::proxy
