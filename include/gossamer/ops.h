// All operations on tensors, by family.
#pragma once

#include "gossamer/ops/activation.h"
#include "gossamer/ops/comparison.h"
#include "gossamer/ops/conv.h"
#include "gossamer/ops/elementwise.h"
#include "gossamer/ops/embedding.h"
#include "gossamer/ops/loss.h"
#include "gossamer/ops/math.h"
#include "gossamer/ops/normalization.h"
#include "gossamer/ops/product.h"
#include "gossamer/ops/reduce.h"
#include "gossamer/ops/shape.h"
#include "gossamer/ops/size2d.h"
#include "gossamer/ops/sparse.h"
