// Goes before a page's own script where a witness signs with ML-DSA-44.

import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { offerMlDsa44 } from "../core/mldsa.ts";

offerMlDsa44((signature, message, key) => ml_dsa44.verify(signature, message, key));
