// SPDX-License-Identifier: MIT
// The process that watches over the path manager. New connections of a namespace whose path manager
// lives in user space get one subflow only when nobody is there to give them more, so a daemon that
// dies must not leave it that way. Parent and worker watch each other: whoever is killed, the other
// gives the namespace back to the kernel's path manager.
#pragma once

#include <functional>

#include "base/result.hpp"

namespace anabranch::paths {

/// Forks. The child runs `worker` and ends with its result. The parent waits, hands SIGTERM, SIGINT
/// and SIGHUP on to it, and returns how it ended: kOk, its error's code (the error has been
/// logged), or kFailed after a crash, when it has called hand_back() (hand_over.hpp) in its place.
///
/// When the parent dies the worker gets SIGTERM and is expected to stop in order. For the service
/// manager both are the service (NotifyAccess=all): the worker sends the signs of life, and the
/// SIGABRT that follows when they stop is taken by the parent, which then kills the worker.
///
/// Call it before any thread and any Loop exists; returns in the parent only.
Result<ExitCode> supervise(const std::function<Result<void>()>& worker);

}  // namespace anabranch::paths
