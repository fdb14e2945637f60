// An application that knows the library only through a module: loads it, uses it on several threads, unloads it, and
// goes on: a thread that used it ends, the process forks, loads it again and ends.
//
// usage: host MODULE.so LIBRARY.so
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "host: %s\n", what);
  _exit(1);
}

void* load(const char* path) {
  void* const handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) fail(dlerror());
  return handle;
}

void unload(void* handle) {
  if (dlclose(handle) != 0) fail(dlerror());
}

bool is_loaded(const char* path) { return dlopen(path, RTLD_NOW | RTLD_NOLOAD) != nullptr; }

}  // namespace

int main(int, char** argv) {
  alarm(120);
  unsigned long first = 0;
  for (int round = 0; round < 3; ++round) {
    // The library first: it would otherwise use the module's copies of inline functions, and keep the module loaded.
    void* const library = load(argv[2]);
    void* const module = load(argv[1]);
    const auto train = reinterpret_cast<unsigned long (*)()>(dlsym(module, "train"));
    if (train == nullptr) fail(dlerror());
    const unsigned long hash = train();
    if (hash == 0 || (first != 0 && hash != first)) fail("training failed, or has other bits than before");
    first = hash;

    std::promise<void> used, unloaded;
    std::thread other([&] {
      if (train() != first) fail("another thread has other bits");
      used.set_value();
      unloaded.get_future().wait();
    });
    used.get_future().wait();
    unload(module);
    unload(library);
    if (is_loaded(argv[1])) fail("the module is still loaded, so this shows nothing");
    unloaded.set_value();
    other.join();  // what the library keeps for the thread is freed now

    const pid_t child = fork();
    if (child == 0) _exit(0);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("a child of fork() fails");
  }
  if (!is_loaded(argv[2])) fail("the library is gone, and threads may come back to its code");
  return 0;
}
