// Data of one's own: a table in a CSV file, the same records in a binary file that is read as batches ask for it, and a
// sparse network that learns from them.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace gd = gs::data;

constexpr int64_t kSensors = 8;
struct Record {
  std::array<float, kSensors> sensors;
  int32_t state;
};

// The distance of the first two sensors from 20 is the state of a machine; the others hum at levels of their own.
Record measure(uint64_t sample) {
  Record record;
  for (uint64_t k = 0; k < kSensors; ++k) {
    const double level = k < 2 ? 20 : 100 * static_cast<double>(k);
    record.sensors[k] = static_cast<float>(level + 5 * gs::random_normal(sample, k));
  }
  const float distance = std::hypot(record.sensors[0] - 20, record.sensors[1] - 20);
  record.state = distance < 4 ? 0 : distance < 7.5F ? 1 : 2;
  return record;
}

void write_files(const char* csv, const char* binary, uint64_t samples) {
  std::ofstream table(csv);
  std::ofstream records(binary, std::ios::binary);
  table.precision(9);  // the digits that a float needs
  table << "s0,s1,s2,s3,s4,s5,s6,s7,state\n";
  for (uint64_t i = 0; i < samples; ++i) {
    const Record record = measure(i);
    for (const float value : record.sensors) table << value << ',';
    table << record.state << '\n';
    records.write(reinterpret_cast<const char*>(&record), sizeof record);
  }
}

class RecordFile final : public gd::Dataset {
 public:
  explicit RecordFile(const std::string& path)
      : path_(path), size_(static_cast<int64_t>(std::filesystem::file_size(path) / sizeof(Record))) {}

  int64_t size() const override { return size_; }
  gd::Batch gather(std::span<const int64_t> indices) const override {
    std::ifstream in(path_, std::ios::binary);  // one for each call: several threads are here at once
    std::vector<float> x;
    std::vector<int64_t> y;
    for (const int64_t i : indices) {
      if (i < 0 || i >= size_) throw gs::IndexError("RecordFile: there is no record " + std::to_string(i));
      Record record;
      in.seekg(i * static_cast<int64_t>(sizeof record));
      if (!in.read(reinterpret_cast<char*>(&record), sizeof record)) throw gs::FileError(path_ + ": cannot be read");
      x.insert(x.end(), record.sensors.begin(), record.sensors.end());
      y.push_back(record.state);
    }
    return {.x = gs::Tensor::from(x, {std::ssize(indices), kSensors}), .y = gs::Tensor::from(y)};
  }

 private:
  std::string path_;
  int64_t size_;
};

// All samples at once, of a dataset that fits memory.
gd::Batch whole(const gd::Dataset& data) {
  std::vector<int64_t> indices(static_cast<size_t>(data.size()));
  std::iota(indices.begin(), indices.end(), 0);
  return data.gather(indices);
}

int main() {
  write_files("machine.csv", "machine.bin", 3000);
  const auto table = gd::load_csv("machine.csv", {.label = "state"});
  const auto file = std::make_shared<const RecordFile>("machine.bin");
  const gs::Tensor differs = gs::ne(whole(*table).x, whole(*file).x);
  std::printf("%d records, %d numbers differ\n", static_cast<int>(file->size()),
              gs::sum(differs.to(gs::DType::f32)).item<int>());

  const auto parts = gd::random_split(file, {2400, 600}, 1);
  const gs::Tensor known = whole(*parts[0]).x;
  const gs::Tensor mean = gs::mean(known, {.dims = {0}});
  const gs::Tensor deviation = gs::sqrt(gs::var(known, {.dims = {0}}));

  const gd::Transform normalize = [=](gd::Batch& batch, const gd::TransformContext&) {
    batch.x = (batch.x - mean) / deviation;
  };
  const gd::Transform jitter = [](gd::Batch& batch, const gd::TransformContext& context) {
    float* x = batch.x.mutable_data<float>();
    for (size_t i = 0; i < context.indices.size(); ++i) {
      const uint64_t key = context.sample_key(i);
      for (uint64_t k = 0; k < kSensors; ++k) *x++ += static_cast<float>(0.05 * gs::random_normal(key, k));
    }
  };
  gd::DataLoader train(parts[0],
                       {.batch_size = 64, .seed = 1, .transform = gd::Compose({normalize, jitter}), .workers = 2});
  gd::DataLoader validation(parts[1], {.batch_size = 200, .shuffle = false, .transform = normalize});

  gs::Generator rng(1);
  gs::nn::Sequential model{gs::nn::named("fc1", gs::nn::Linear({.in = kSensors, .out = 64}, rng)), gs::nn::ReLU(),
                           gs::nn::named("fc2", gs::nn::Linear({.in = 64, .out = 64}, rng)), gs::nn::ReLU(),
                           gs::nn::named("fc3", gs::nn::Linear({.in = 64, .out = 3}, rng))};
  gs::optim::AdamW optimizer(model.parameters(), {.lr = 5e-3});
  gs::sparse::Group sparsity({{"fc2.weight", gs::sparse::SET({.sparsity = 0.9, .update = {.freq = 50, .stop = 600}})}});
  model.apply(sparsity);
  optimizer.apply(sparsity);
  for (int epoch = 1; epoch <= 20; ++epoch) {
    for (const auto& batch : train) {
      const gs::Tensor loss = gs::cross_entropy(model(batch.x), batch.y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
    if (epoch % 5 != 0) continue;
    const gs::NoGrad no_grad;
    model.eval();
    gs::metrics::Accuracy accuracy;
    for (const auto& batch : validation) accuracy.add(model(batch.x), batch.y);
    model.train();
    std::printf("epoch %d: validation accuracy %.1f %%\n", epoch, 100 * accuracy.value());
  }

  model.eval();
  const gs::NoGrad no_grad;
  Record now = measure(123456);  // none of the 3000
  const gs::Tensor x = gs::Tensor::wrap(now.sensors.data(), {1, kSensors});
  const gs::Tensor chances = gs::softmax(model((x - mean) / deviation), -1);
  std::printf("state %d, taken for %d with probability %.2f\n", now.state, gs::argmax(chances).item<int>(),
              gs::max(chances).item<double>());
}
